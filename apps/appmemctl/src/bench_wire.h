#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "bench.h"

namespace appmem::ctl {

/// What a reply means to a load.
enum class ReplyKind : std::uint8_t {
  kDone,  // stored, or a greeting accepted
  kHit,
  kMiss,
  kError,
};

/// The reply at the beginning of what was received.
struct FoundReply {
  /// With its end; 0 while it is not there as a whole.
  std::size_t bytes = 0;
  ReplyKind kind = ReplyKind::kError;
};

/// A request of one kind: the same text for every key, apart from the key.
struct RequestFrame {
  std::string before_key;
  std::string after_key;
};

/// A format in which `bench` speaks to a server: what its requests look like, and where a reply
/// ends. Knows no socket. Const, so any number of connections share one.
class BenchWire {
 public:
  BenchWire() = default;
  BenchWire(const BenchWire&) = delete;
  BenchWire& operator=(const BenchWire&) = delete;
  virtual ~BenchWire() = default;

  /// What a connection sends before its first request, one after another; each has one reply.
  [[nodiscard]] virtual std::vector<std::string> greetings() const = 0;
  [[nodiscard]] virtual RequestFrame get_frame() const = 0;
  /// Stores a value of `options.value_bytes`, with `options.ttl` where there is one.
  [[nodiscard]] virtual RequestFrame set_frame() const = 0;

  /// Finds the first reply in `input`, which is not empty. `seen` of its bytes were there when it
  /// was not complete the last time.
  [[nodiscard]] virtual FoundReply find_reply(std::string_view input, std::size_t seen) const = 0;
};

/// The format of `options.protocol`, for a load of `options`, which is copied.
std::unique_ptr<BenchWire> make_bench_wire(const LoadOptions& options);

std::unique_ptr<BenchWire> make_json_wire(const LoadOptions& options);
std::unique_ptr<BenchWire> make_resp_wire(const LoadOptions& options);
std::unique_ptr<BenchWire> make_memcached_wire(const LoadOptions& options);

}  // namespace appmem::ctl
