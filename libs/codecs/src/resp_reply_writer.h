#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "appmem/protocol/output_buffer.h"
#include "appmem/protocol/redis_error_counts.h"
#include "appmem/protocol/redis_reply.h"

namespace appmem::codecs {

/// Composes one reply after the other into output buffers.
class RespReplyWriter final : public protocol::RedisReply {
 public:
  /// `errors`: as that of RespLimits.
  RespReplyWriter(std::size_t output_bytes_congested, protocol::RedisErrorCounts* errors)
      : output_bytes_congested_(output_bytes_congested), errors_(errors) {}

  /// `output` is borrowed until `end`.
  void begin(protocol::OutputBuffer& output);
  void end();

  void status(std::string_view text) override;
  void integer(std::int64_t value) override;
  void bulk(std::string_view bytes) override;
  void value(const ValueView& value) override;
  void null() override;
  void null_array() override;
  void verbatim(std::string_view text) override;
  void array(std::size_t items) override;
  void map(std::size_t pairs) override;
  void set(std::size_t items) override;
  void failure(std::string_view text) override;
  void write_as_a_whole() override { whole_ = true; }
  void set_silence(Silence silence) override;
  void set_version(int version) override { version_ = version; }
  [[nodiscard]] int version() const override { return version_; }

  void error(const Error& error) override;
  [[nodiscard]] bool congested() const override;
  [[nodiscard]] std::uint64_t answer_bytes() const override;

 private:
  /// `type`, a number, a line end.
  void header(char type, std::int64_t number);
  /// A line for an error, which is counted whether or not it is written.
  void error_line(std::string_view prefix, std::string_view text);

  const std::size_t output_bytes_congested_;
  protocol::RedisErrorCounts* const errors_;
  protocol::OutputBuffer* output_ = nullptr;
  std::uint64_t begin_ = 0;
  int version_ = 2;
  bool off_ = false;         // until it is said otherwise
  bool skips_next_ = false;  // the reply behind this one
  bool silent_ = false;      // this one
  bool whole_ = false;       // and whether this one waits for no room
};

}  // namespace appmem::codecs
