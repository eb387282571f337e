#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>

#include "appmem/base/units.h"

namespace appmem {

/// Limits that hold everywhere. Limits that an operator may set are in Limits below; these are
/// their bounds and those that are part of the format.
inline constexpr std::size_t kKeyBytesMax = 64_KiB;
inline constexpr std::size_t kValueBytesMaxCeiling = 512_MiB;
inline constexpr std::size_t kNamespaceNameBytesMax = 64;
inline constexpr std::size_t kNamespacesMax = 1024;
inline constexpr std::size_t kJsonDepthMax = 64;
inline constexpr std::size_t kRequestKeysMax = 100'000;
inline constexpr std::size_t kBatchOpsMax = 10'000;
/// Keys that one answer to a scan may be asked for.
inline constexpr std::size_t kScanLimitMax = 10'000;
inline constexpr std::size_t kRequestIdBytesMax = 256;
/// Values above this live outside the shards' arenas: reference-counted, sent and freed in slices.
inline constexpr std::size_t kInlineValueBytesMax = 256_KiB;
/// sizeof(sockaddr_un::sun_path) less its terminator.
inline constexpr std::size_t kSocketPathBytesMax = 107;
/// A connection with this much to send executes nothing until half of it has left.
inline constexpr std::size_t kOutputBytesPause = 1_MiB;
/// What the transaction of one connection holds, with the keys that it watches: this much at most,
/// and at most one part in so many of what the process may use.
inline constexpr std::size_t kTransactionBytesMax = 64_MiB;
inline constexpr std::uint64_t kTransactionMemoryShare = 16;
/// The longest time to live that is accepted: 100 years, far from overflow in milliseconds.
inline constexpr std::chrono::milliseconds kTtlMax = std::chrono::hours{24 * 36'525};

/// Of a process that may use so much memory.
constexpr std::size_t transaction_bytes_max(std::uint64_t memory_limit) {
  const std::uint64_t share = memory_limit / kTransactionMemoryShare;
  return share < kTransactionBytesMax ? static_cast<std::size_t>(share) : kTransactionBytesMax;
}

/// Limits that an operator may set; each with its default.
struct Limits {
  std::size_t value_bytes_max = 16_MiB;
  /// Raised to 4/3 of value_bytes_max plus 1 MiB where that is more; see
  /// effective_request_bytes_max.
  std::size_t request_bytes_max = 64_MiB;
  std::size_t connections_max = 10'000;
  /// Answers waiting for a slow reader: this much for output_stall at most,
  std::size_t output_bytes_soft_max = 32_MiB;
  std::chrono::milliseconds output_stall_max = std::chrono::seconds{60};
  /// and this much at no time. Both are raised where requests and values need more; see
  /// effective_output_bytes_soft_max and effective_output_bytes_hard_max.
  std::size_t output_bytes_hard_max = 256_MiB;
  /// How long a request may stay half-sent.
  std::chrono::milliseconds request_timeout = std::chrono::seconds{30};
  /// How long a connection may be silent between requests; 0 means for ever.
  std::chrono::milliseconds idle_timeout{0};

  [[nodiscard]] std::size_t effective_request_bytes_max() const {
    const std::size_t for_value = value_bytes_max / 3 * 4 + 1_MiB;
    return for_value > request_bytes_max ? for_value : request_bytes_max;
  }
  /// An answer that holds the largest value allowed does not count as a slow reader's.
  [[nodiscard]] std::size_t effective_output_bytes_soft_max() const {
    return value_bytes_max > output_bytes_soft_max ? value_bytes_max : output_bytes_soft_max;
  }
  [[nodiscard]] std::size_t effective_output_bytes_hard_max() const {
    const std::size_t for_requests = 2 * effective_request_bytes_max();
    return for_requests > output_bytes_hard_max ? for_requests : output_bytes_hard_max;
  }
  /// What one answer may come to, so that it fits behind those that still wait when it is composed.
  [[nodiscard]] std::size_t answer_bytes_max() const {
    return effective_output_bytes_hard_max() - kOutputBytesPause;
  }
};

}  // namespace appmem
