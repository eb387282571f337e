#include <charconv>
#include <chrono>

#include "bench_wire.h"

namespace appmem::ctl {
namespace {

constexpr std::string_view kValueWord = "VALUE ";
constexpr std::string_view kMissReply = "END\r\n";
constexpr std::string_view kStoredReply = "STORED\r\n";
/// What follows the bytes of the one value that was asked for.
constexpr std::string_view kAfterValue = "\r\nEND\r\n";

/// The text protocol of memcached: `get` and `set`.
class MemcachedWire final : public BenchWire {
 public:
  explicit MemcachedWire(const LoadOptions& options) : options_(options) {}

  [[nodiscard]] std::vector<std::string> greetings() const override { return {}; }

  [[nodiscard]] RequestFrame get_frame() const override { return {"get ", "\r\n"}; }

  [[nodiscard]] RequestFrame set_frame() const override {
    const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(
        options_.ttl.value_or(std::chrono::milliseconds{0}));
    return {"set ", " 0 " + std::to_string(seconds.count()) + ' ' +
                        std::to_string(options_.value_bytes) + "\r\n" +
                        std::string(options_.value_bytes, 'x') + "\r\n"};
  }

  [[nodiscard]] FoundReply find_reply(std::string_view input, std::size_t /*seen*/) const override {
    const std::size_t line_end = input.find('\n');
    if (line_end == std::string_view::npos) return {};
    const std::size_t line_bytes = line_end + 1;
    if (input.starts_with(kStoredReply)) return {line_bytes, ReplyKind::kDone};
    if (input.starts_with(kMissReply)) return {line_bytes, ReplyKind::kMiss};
    if (!input.starts_with(kValueWord)) return {line_bytes, ReplyKind::kError};
    // VALUE key flags bytes
    const std::size_t number = input.rfind(' ', line_end) + 1;
    std::uint32_t bytes = 0;
    const auto [end, error] =
        std::from_chars(input.data() + number, input.data() + line_end, bytes);
    if (error != std::errc{}) return {line_bytes, ReplyKind::kError};
    const std::size_t whole = line_bytes + bytes + kAfterValue.size();
    return {input.size() < whole ? 0 : whole, ReplyKind::kHit};
  }

 private:
  const LoadOptions options_;
};

}  // namespace

std::unique_ptr<BenchWire> make_memcached_wire(const LoadOptions& options) {
  return std::make_unique<MemcachedWire>(options);
}

}  // namespace appmem::ctl
