#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>

#include "appmem/base/memory_budget.h"
#include "appmem/protocol/output_buffer.h"
#include "appmem/protocol/reply_writer.h"
#include "deferred_text.h"

namespace appmem::codecs {

/// Composes one answer after the other, each a line, into output buffers.
class NdjsonReplyWriter final : public protocol::ReplyWriter {
 public:
  /// `memory` is borrowed and may be null; what is deferred is charged to it.
  NdjsonReplyWriter(std::size_t output_bytes_congested, MemoryBudget* memory)
      : output_bytes_congested_(output_bytes_congested), memory_(memory) {}

  /// `id` is the JSON text to repeat, or empty. Only read during the call; `output` is borrowed
  /// until `end`.
  void begin(std::string_view id, protocol::OutputBuffer& output);
  /// What is still deferred is composed at once.
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
  [[nodiscard]] std::uint64_t answer_bytes() const override;
  [[nodiscard]] bool deferred() const override { return deferred_ != nullptr; }
  [[nodiscard]] std::uint64_t deferred_bytes() const override {
    return deferred_ == nullptr ? 0 : deferred_->size();
  }
  bool compose(std::size_t bytes) override;

 private:
  /// A comma where one is due, the field's name, a colon.
  void name(protocol::Field field);
  void name_b64(protocol::Field field);
  void name(std::string_view name);
  void item();
  template <typename Integer>
  void number(Integer value);
  /// `"…"` of UTF-8.
  void string(std::string_view bytes);
  void base64(std::string_view bytes);
  void defer(protocol::Field field, const ValueView& value);

  const std::size_t output_bytes_congested_;
  MemoryBudget* const memory_;
  /// What the answer is composed to,
  protocol::OutputBuffer* composed_ = nullptr;
  /// and where the next field goes: there, or behind what is deferred.
  protocol::OutputBuffer* output_ = nullptr;
  std::unique_ptr<DeferredText> deferred_;
  std::uint64_t begin_ = 0;
  std::uint64_t rollback_ = 0;  // where `true` of "ok" begins
  bool first_ = false;          // of the object or list that is being written
};

}  // namespace appmem::codecs
