#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "appmem/protocol/output_buffer.h"
#include "appmem/protocol/reply_writer.h"

namespace appmem::codecs {

/// Composes one answer after the other, each a line, into output buffers.
class NdjsonReplyWriter final : public protocol::ReplyWriter {
 public:
  explicit NdjsonReplyWriter(std::size_t output_bytes_congested)
      : output_bytes_congested_(output_bytes_congested) {}

  /// `id` is the JSON text to repeat, or empty. Only read during the call; `output` is borrowed
  /// until `end`.
  void begin(std::string_view id, protocol::OutputBuffer& output);
  void end();

  void boolean(protocol::Field field, bool value) override;
  void integer(protocol::Field field, std::int64_t value) override;
  void unsigned_integer(protocol::Field field, std::uint64_t value) override;
  void null(protocol::Field field) override;
  void text(protocol::Field field, std::string_view text) override;
  void bytes(protocol::Field field, std::string_view bytes) override;
  void value(protocol::Field field, const ValueView& value) override;

  void begin_list(protocol::Field field) override;
  void end_list() override;
  void item_integer(std::int64_t value) override;
  void item_unsigned(std::uint64_t value) override;
  void item_text(std::string_view text) override;
  void item_bytes(std::string_view bytes) override;
  void begin_item_object() override;
  void end_item_object() override;

  void begin_object(protocol::Field field) override;
  void end_object() override;
  void named_text(std::string_view name, std::string_view text) override;
  void named_integer(std::string_view name, std::int64_t value) override;
  void named_boolean(std::string_view name, bool value) override;

  void error(const Error& error) override;
  [[nodiscard]] bool congested() const override;

 private:
  /// A comma where one is due, the field's name, a colon.
  void name(protocol::Field field);
  void name_b64(protocol::Field field);
  void name(std::string_view name);
  void item();
  template <typename Integer>
  void number(Integer value);
  /// `"…"` of UTF-8; large values are not copied where they need no escape.
  void string(std::string_view bytes, const SharedBytes* shared);
  void base64(std::string_view bytes);
  void document(const ValueView& value);

  std::size_t output_bytes_congested_;
  protocol::OutputBuffer* output_ = nullptr;
  std::uint64_t rollback_ = 0;  // where `true` of "ok" begins
  bool first_ = false;          // of the object or list that is being written
};

}  // namespace appmem::codecs
