#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <mutex>

#include "appmem/base/time.h"

namespace appmem::daemon {

/// How much was done a second, over the last kSamples intervals. Thread safety: `rates` all; the
/// rest one thread.
class RateMeter {
 public:
  static constexpr std::size_t kSamples = 16;
  static constexpr std::chrono::milliseconds kInterval{100};

  /// Since the start.
  struct Totals {
    std::uint64_t requests = 0;
    std::uint64_t bytes_received = 0;
    std::uint64_t bytes_sent = 0;
  };
  /// A second.
  struct Rates {
    double requests = 0;
    double bytes_received = 0;
    double bytes_sent = 0;
  };

  [[nodiscard]] bool is_due(TimePoint now) const {
    return count_ == 0 || now - newest().at >= kInterval;
  }
  void sample(const Totals& totals, TimePoint now) {
    const std::lock_guard lock(mutex_);
    samples_[count_++ % kKept] = {totals, now};
  }
  [[nodiscard]] Rates rates() const {
    const std::lock_guard lock(mutex_);
    if (count_ < 2) return {};
    const Sample& last = newest();
    const Sample& first = samples_[count_ < kKept ? 0 : count_ % kKept];
    const double seconds = std::chrono::duration<double>(last.at - first.at).count();
    if (seconds <= 0) return {};
    const auto rate = [seconds](std::uint64_t to, std::uint64_t from) {
      return static_cast<double>(to - from) / seconds;
    };
    return {rate(last.totals.requests, first.totals.requests),
            rate(last.totals.bytes_received, first.totals.bytes_received),
            rate(last.totals.bytes_sent, first.totals.bytes_sent)};
  }

 private:
  struct Sample {
    Totals totals;
    TimePoint at{};
  };
  static constexpr std::size_t kKept = kSamples + 1;

  [[nodiscard]] const Sample& newest() const { return samples_[(count_ - 1) % kKept]; }

  mutable std::mutex mutex_;
  // Changed by one thread alone, with the mutex held.
  std::array<Sample, kKept> samples_{};
  std::size_t count_ = 0;
};

}  // namespace appmem::daemon
