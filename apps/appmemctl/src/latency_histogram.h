#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>

namespace appmem::ctl {

/// Counts latencies in buckets that are at most 1/64 wide of what they hold: exact below 128 ns,
/// within 1.6 % above, up to the whole range of 64 bits. (The layout of Tene's HdrHistogram with
/// six bits of precision.) Recording is one increment. Thread safety: none.
class LatencyHistogram {
 public:
  void record(std::uint64_t nanoseconds, std::uint64_t times = 1) {
    if (times == 0) return;
    buckets_[bucket_of(nanoseconds)] += times;
    count_ += times;
    sum_ += nanoseconds * times;
    if (nanoseconds > max_) max_ = nanoseconds;
  }

  /// The latency that `share` (0 to 1) of all recorded ones do not exceed, as the upper end of its
  /// bucket, never above the maximum. 0 when nothing was recorded.
  [[nodiscard]] std::uint64_t percentile(double share) const {
    if (count_ == 0) return 0;
    auto rank = static_cast<std::uint64_t>(share * static_cast<double>(count_) + 0.999999);
    if (rank < 1) rank = 1;
    if (rank > count_) rank = count_;
    std::uint64_t seen = 0;
    for (std::size_t i = 0; i < buckets_.size(); ++i) {
      seen += buckets_[i];
      if (seen >= rank) return upper_end(i) < max_ ? upper_end(i) : max_;
    }
    return max_;
  }

  void merge(const LatencyHistogram& other) {
    for (std::size_t i = 0; i < buckets_.size(); ++i)
      buckets_[i] += other.buckets_[i];
    count_ += other.count_;
    sum_ += other.sum_;
    if (other.max_ > max_) max_ = other.max_;
  }

  [[nodiscard]] std::uint64_t count() const { return count_; }
  [[nodiscard]] std::uint64_t max() const { return max_; }
  [[nodiscard]] double mean() const {
    return count_ == 0 ? 0.0 : static_cast<double>(sum_) / static_cast<double>(count_);
  }

 private:
  static constexpr unsigned kPrecisionBits = 6;
  static constexpr std::size_t kSubBuckets = std::size_t{1} << kPrecisionBits;

  // Values below 2 * kSubBuckets are their own bucket; above, the leading bit picks a group and the
  // next six bits a bucket in it.
  static std::size_t bucket_of(std::uint64_t value) {
    const auto width = static_cast<unsigned>(std::bit_width(value));
    if (width <= kPrecisionBits + 1) return static_cast<std::size_t>(value);
    const unsigned shift = width - kPrecisionBits - 1;
    return (static_cast<std::size_t>(shift) << kPrecisionBits) +
           static_cast<std::size_t>(value >> shift);
  }
  static std::uint64_t upper_end(std::size_t bucket) {
    if (bucket < 2 * kSubBuckets) return bucket;
    const auto shift = static_cast<unsigned>((bucket >> kPrecisionBits) - 1);
    const std::uint64_t leading = bucket - (static_cast<std::size_t>(shift) << kPrecisionBits);
    return ((leading + 1) << shift) - 1;
  }

  std::array<std::uint64_t, (64 - kPrecisionBits + 1) * kSubBuckets> buckets_{};
  std::uint64_t count_ = 0;
  std::uint64_t sum_ = 0;
  std::uint64_t max_ = 0;
};

}  // namespace appmem::ctl
