#include <charconv>
#include <initializer_list>

#include "bench_wire.h"

namespace appmem::ctl {
namespace {

constexpr std::string_view kLineEnd = "\r\n";

std::string bulk_header(std::size_t bytes) {
  return '$' + std::to_string(bytes) + "\r\n";
}

std::string bulk(std::string_view text) {
  return bulk_header(text.size()).append(text).append(kLineEnd);
}

std::string array_header(std::size_t words) {
  return '*' + std::to_string(words) + "\r\n";
}

std::string command(std::initializer_list<std::string_view> words) {
  std::string text = array_header(words.size());
  for (const std::string_view word : words)
    text += bulk(word);
  return text;
}

/// RESP2, as every server of Redis's kind speaks it unasked.
class RespWire final : public BenchWire {
 public:
  explicit RespWire(const LoadOptions& options) : options_(options) {}

  [[nodiscard]] std::vector<std::string> greetings() const override {
    std::vector<std::string> all;
    if (!options_.token.empty()) all.push_back(command({"AUTH", options_.token}));
    if (options_.ns != kDefaultBenchNamespace) all.push_back(command({"SELECT", options_.ns}));
    return all;
  }

  [[nodiscard]] RequestFrame get_frame() const override {
    return {array_header(2) + bulk("GET") + bulk_header(options_.key_bytes), std::string(kLineEnd)};
  }

  [[nodiscard]] RequestFrame set_frame() const override {
    std::string after(kLineEnd);
    after += bulk(std::string(options_.value_bytes, 'x'));
    if (options_.ttl) after += bulk("PX") + bulk(std::to_string(options_.ttl->count()));
    return {array_header(options_.ttl ? 5 : 3) + bulk("SET") + bulk_header(options_.key_bytes),
            std::move(after)};
  }

  [[nodiscard]] FoundReply find_reply(std::string_view input, std::size_t /*seen*/) const override {
    const std::size_t line_end = input.find('\n');
    if (line_end == std::string_view::npos) return {};
    const std::size_t line_bytes = line_end + 1;
    switch (input.front()) {
      case '+':
        return {line_bytes, ReplyKind::kDone};
      case '$':
        break;
      default:
        return {line_bytes, ReplyKind::kError};
    }
    std::int64_t bytes = 0;
    const auto [end, error] = std::from_chars(input.data() + 1, input.data() + line_end, bytes);
    if (error != std::errc{}) return {line_bytes, ReplyKind::kError};
    if (bytes < 0) return {line_bytes, ReplyKind::kMiss};
    const std::size_t whole = line_bytes + static_cast<std::size_t>(bytes) + kLineEnd.size();
    return {input.size() < whole ? 0 : whole, ReplyKind::kHit};
  }

 private:
  const LoadOptions options_;
};

}  // namespace

std::unique_ptr<BenchWire> make_resp_wire(const LoadOptions& options) {
  return std::make_unique<RespWire>(options);
}

}  // namespace appmem::ctl
