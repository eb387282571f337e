#include "bench_wire.h"

namespace appmem::ctl {
namespace {

/// NDJSON without ids, so that every answer begins with "ok".
class JsonWire final : public BenchWire {
 public:
  explicit JsonWire(const LoadOptions& options) : options_(options) {}

  [[nodiscard]] std::vector<std::string> greetings() const override {
    if (options_.ns == kDefaultBenchNamespace) return {};
    return {R"({"op":"use","name":")" + options_.ns + "\"}\n"};
  }

  [[nodiscard]] RequestFrame get_frame() const override {
    return {R"({"op":"get","key":")", "\"}\n"};
  }

  [[nodiscard]] RequestFrame set_frame() const override {
    std::string after = R"(","value":")" + std::string(options_.value_bytes, 'x') + '"';
    if (options_.ttl) after += R"(,"ttl_ms":)" + std::to_string(options_.ttl->count());
    return {R"({"op":"set","key":")", after + "}\n"};
  }

  [[nodiscard]] FoundReply find_reply(std::string_view input, std::size_t seen) const override {
    const std::size_t end = input.find('\n', seen);
    if (end == std::string_view::npos) return {};
    return {end + 1, kind_of(input)};
  }

 private:
  static ReplyKind kind_of(std::string_view line) {
    if (!line.starts_with(R"({"ok":true)")) return ReplyKind::kError;
    if (line.starts_with(R"({"ok":true,"found":true)")) return ReplyKind::kHit;
    if (line.starts_with(R"({"ok":true,"found":false)")) return ReplyKind::kMiss;
    return ReplyKind::kDone;
  }

  const LoadOptions options_;
};

}  // namespace

std::unique_ptr<BenchWire> make_json_wire(const LoadOptions& options) {
  return std::make_unique<JsonWire>(options);
}

}  // namespace appmem::ctl
