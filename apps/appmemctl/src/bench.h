#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "appmem/base/error.h"
#include "latency_histogram.h"

namespace appmem::ctl {

/// The formats in which `bench` can speak; all of them over a Unix socket or TCP.
enum class BenchProtocol : std::uint8_t { kJson, kResp, kMemcached };

struct BenchProtocolName {
  BenchProtocol protocol;
  std::string_view name;
};
inline constexpr std::array kBenchProtocols{
    BenchProtocolName{BenchProtocol::kJson, "json"},
    BenchProtocolName{BenchProtocol::kResp, "resp"},
    BenchProtocolName{BenchProtocol::kMemcached, "memcached"},
};

/// The namespace in which a connection begins, in every format.
inline constexpr std::string_view kDefaultBenchNamespace = "default";

/// What `bench` sends.
struct LoadOptions {
  BenchProtocol protocol = BenchProtocol::kJson;
  std::size_t connections = 50;
  /// Requests that a connection sends at once; it sends the next ones when all are answered.
  std::size_t pipeline = 1;
  std::uint64_t keys = 100'000;
  /// Of every key: `key:` and a number with zeros before it.
  std::size_t key_bytes = 16;
  std::size_t value_bytes = 32;
  /// Time to live of what is stored; nothing for the server's own rule.
  std::optional<std::chrono::milliseconds> ttl;
  /// How many of 100 requests are gets; the others are sets.
  double read_percent = 50;
  /// Requests in all; ignored when `duration` is given.
  std::uint64_t requests = 1'000'000;
  std::optional<std::chrono::milliseconds> duration;
  std::uint64_t seed = 1;
  /// Store every key once before measuring.
  bool load = false;
  std::string ns = std::string(kDefaultBenchNamespace);
  /// What a connection shows before anything else, where the format is kResp; in NDJSON
  /// `Connect` has done so.
  std::string token;
};

inline constexpr std::size_t kBenchConnectionsMax = 10'000;
inline constexpr std::size_t kBenchPipelineMax = 10'000;
inline constexpr std::uint64_t kBenchKeysMax = 1'000'000'000'000;
inline constexpr std::string_view kBenchKeyPrefix = "key:";
/// The prefix and one digit.
inline constexpr std::size_t kBenchKeyBytesMin = kBenchKeyPrefix.size() + 1;
/// Longer ones memcached refuses.
inline constexpr std::size_t kBenchKeyBytesMaxMemcached = 250;
/// Longer ones memcached would take for a date.
inline constexpr std::chrono::hours kBenchTtlMaxMemcached{30 * 24};

struct LoadReport {
  std::uint64_t requests = 0;
  std::uint64_t gets = 0;
  std::uint64_t hits = 0;
  std::uint64_t errors = 0;
  std::string first_error;
  double seconds = 0;
  LatencyHistogram latency;
  bool interrupted = false;
};

struct TraceReport {
  std::uint64_t requests = 0;
  std::uint64_t misses = 0;
  std::uint64_t errors = 0;
  std::string first_error;
  double seconds = 0;
  LatencyHistogram latency;  // of the gets
  bool interrupted = false;

  [[nodiscard]] double hit_ratio() const {
    return requests == 0 ? 0.0
                         : static_cast<double>(requests - misses) / static_cast<double>(requests);
  }
};

/// A connected, blocking stream socket to the store under test; the caller closes it.
using Connect = std::function<Result<int>()>;

/// Called now and then with the number of requests answered.
using BenchProgress = std::function<void(std::uint64_t done)>;

/// Runs a closed loop over `options.connections` connections in one thread. Every connection has a
/// key sequence of its own, drawn from `seed` and its number, so that a run can be repeated and
/// no two connections walk over the same keys in step.
/// Errors: those of `connect`; what a server says that refuses a greeting (kForbidden where its
/// format has no codes), or takes no more connections (kBusy); kUnavailable when it closes one;
/// kTimeout when nothing is answered for 30 s.
Result<LoadReport> run_load(const LoadOptions& options, const Connect& connect,
                            const BenchProgress& progress);

/// Replays a trace (CSV with the header `key,size`, plain or gzip-compressed) in order over one
/// connection as a look-aside cache: a get, and on a miss a set of a value of that object's size.
/// Errors: those of check_trace and of run_load.
Result<TraceReport> run_trace(const std::string& path, const std::string& ns,
                              const Connect& connect, const BenchProgress& progress);

/// Reads a whole trace, so that a bad line is found before anything is sent.
/// Errors: kNotFound (the file cannot be read; the message names it), kInvalidRequest (a line of
/// it; the message has its number).
Result<void> check_trace(const std::string& path);

/// Lets a run end early and report what it has. Async-signal-safe.
void interrupt_bench();
[[nodiscard]] bool bench_interrupted();

}  // namespace appmem::ctl
