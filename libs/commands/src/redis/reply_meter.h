#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "appmem/base/decimal.h"
#include "appmem/protocol/redis_reply.h"

namespace appmem::commands {

/// Counts the bytes that a reply would take, and writes none of them: at most what either version
/// of the protocol makes of it. Thread safety: none.
class ReplyMeter final : public protocol::RedisReply {
 public:
  void status(std::string_view text) override { add(1 + text.size() + kLineEnd); }
  void integer(std::int64_t value) override { header(value); }
  void bulk(std::string_view bytes) override {
    header(static_cast<std::int64_t>(bytes.size()));
    add(bytes.size() + kLineEnd);
  }
  void value(const ValueView& value) override {
    value.kind == ValueKind::kInteger ? bulk(std::to_string(value.integer)) : bulk(value.bytes);
  }
  void null() override { add(kNull); }
  void null_array() override { add(kNull); }
  void verbatim(std::string_view text) override {
    bulk(text);
    add(kFormat);
  }
  void array(std::size_t items) override { header(static_cast<std::int64_t>(items)); }
  void map(std::size_t pairs) override { header(static_cast<std::int64_t>(2 * pairs)); }
  void set(std::size_t items) override { array(items); }
  void failure(std::string_view text) override { status(text); }
  void write_as_a_whole() override {}
  void set_silence(Silence /*silence*/) override {}
  void set_version(int /*version*/) override {}
  [[nodiscard]] int version() const override { return 2; }

  void error(const Error& error) override {
    bytes_ = 0;
    status(error.message);
  }
  [[nodiscard]] bool congested() const override { return false; }
  [[nodiscard]] std::uint64_t answer_bytes() const override { return bytes_; }

 private:
  static constexpr std::size_t kLineEnd = 2;
  static constexpr std::size_t kNull = 5;    // "$-1\r\n"
  static constexpr std::size_t kFormat = 5;  // "txt:", and one more digit for it

  void header(std::int64_t number) {
    DecimalText digits;
    add(1 + decimal_of(number, digits).size() + kLineEnd);
  }
  void add(std::size_t bytes) { bytes_ += bytes; }

  std::uint64_t bytes_ = 0;
};

}  // namespace appmem::commands
