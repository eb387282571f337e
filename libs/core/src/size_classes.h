#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>

#include "appmem/base/units.h"
#include "page_runs.h"

namespace appmem::core {

/// Block sizes: every 8 bytes from 32 to 552, then sixteen to a doubling (at most 1/16 is lost) up
/// to 16 KiB. Up to 2 KiB these are 40 bytes more than the round numbers: that is what an entry
/// with a deadline and a key of 16 bytes has beside its value, and lengths of values often are
/// round. A block above 16 KiB is a run of whole pages of its own.
inline constexpr std::size_t kSmallBytesMax = 16_KiB;
inline constexpr std::size_t kLargeBytesMax = 328_KiB;

inline constexpr unsigned kStepsLog2 = 4;
inline constexpr std::uint32_t kFineStep = 8;
inline constexpr std::uint32_t kFineBytesMin = 32;
inline constexpr std::uint32_t kBesideValueBytes = 40;
inline constexpr unsigned kMiddleBytesLog2 = 9;
inline constexpr unsigned kMiddleDoublings = 2;
inline constexpr unsigned kCoarseBytesLog2 = kMiddleBytesLog2 + kMiddleDoublings;
inline constexpr unsigned kCoarseDoublings = 3;
inline constexpr std::uint32_t kFineBytesMax =
    kBesideValueBytes + (std::uint32_t{1} << kMiddleBytesLog2);
inline constexpr std::uint32_t kMiddleBytesMax =
    kBesideValueBytes + (std::uint32_t{1} << kCoarseBytesLog2);
inline constexpr unsigned kFineClassCount = (kFineBytesMax - kFineBytesMin) / kFineStep + 1;
inline constexpr unsigned kCoarseClassFirst = kFineClassCount + (kMiddleDoublings << kStepsLog2);
inline constexpr unsigned kSizeClassCount = kCoarseClassFirst + (kCoarseDoublings << kStepsLog2);
static_assert(std::size_t{1} << (kCoarseBytesLog2 + kCoarseDoublings) == kSmallBytesMax);
static_assert(kSizeClassCount <= 256, "a page keeps its class in a byte");

/// A span is a run of pages that is cut into blocks of one class: short, because a small shard with
/// many classes has one half-empty span in each, but long enough to lose little at its end.
inline constexpr std::uint32_t kSpanPagesMax = 16;
/// Spans with some but not all blocks in use are kept in this many lists, by how full they are.
inline constexpr unsigned kFullnessLists = 8;
/// A bit for each, of which every page keeps kPageBlocksMax.
inline constexpr std::uint32_t kSpanBlocksMax = 256;
static_assert(kPageBytes / kFineBytesMin <= kPageBlocksMax);

struct SizeClass {
  std::uint32_t block_bytes;
  std::uint32_t span_pages;
  std::uint32_t span_blocks;
  /// 2^32 / block_bytes, rounded up: an offset in the span times this, shifted down by 32, is the
  /// number of its block.
  std::uint32_t reciprocal;
  /// kFullnessLists * 2^16 / span_blocks: live blocks times this, shifted down by 16, is the list.
  std::uint32_t fullness_scale;
};

namespace internal {

/// Of sixteen steps to a doubling, from 2^`floor_log2` on, the one that `last` + 1 bytes fit into.
constexpr unsigned geometric_step(unsigned last, unsigned floor_log2) {
  const auto log2 = static_cast<unsigned>(std::bit_width(last)) - 1;
  const unsigned step = (last >> (log2 - kStepsLog2)) & ((1U << kStepsLog2) - 1);
  return ((log2 - floor_log2) << kStepsLog2) + step;
}

constexpr std::uint32_t geometric_bytes(unsigned step, unsigned floor_log2) {
  const std::uint32_t floor = std::uint32_t{1} << (floor_log2 + (step >> kStepsLog2));
  return floor + (floor >> kStepsLog2) * ((step & ((1U << kStepsLog2) - 1)) + 1);
}

constexpr std::uint32_t class_block_bytes(unsigned size_class) {
  if (size_class < kFineClassCount) return kFineBytesMin + size_class * kFineStep;
  if (size_class < kCoarseClassFirst) {
    return kBesideValueBytes + geometric_bytes(size_class - kFineClassCount, kMiddleBytesLog2);
  }
  return geometric_bytes(size_class - kCoarseClassFirst, kCoarseBytesLog2);
}

/// In 2^-16 of the span: half a span stays empty in each class in use, so length has a price, a
/// lower one for the few classes that most entries are in. These lose 1 % at the ends of spans on
/// average, and 1.1 MiB if all classes have a half empty span.
inline constexpr std::size_t kCommonBytesMax = 128;
constexpr std::uint64_t span_page_price(std::size_t block_bytes) {
  return block_bytes <= kCommonBytesMax ? 256 : 384;
}

/// Chooses the length of the span: what is lost at its end and the price of its length are least.
constexpr SizeClass make_size_class(unsigned size_class) {
  SizeClass result{class_block_bytes(size_class), 0, 0, 0, 0};
  std::uint64_t best_cost = UINT64_MAX;
  for (std::uint32_t pages = 1; pages <= kSpanPagesMax; ++pages) {
    const std::uint64_t span_bytes = pages * kPageBytes;
    const std::uint64_t blocks = span_bytes / result.block_bytes;
    if (blocks == 0 || blocks > kSpanBlocksMax) continue;
    const std::uint64_t lost_bytes = span_bytes - blocks * result.block_bytes;
    const std::uint64_t cost =
        (lost_bytes << 16U) / span_bytes + pages * span_page_price(result.block_bytes);
    if (cost < best_cost) {
      best_cost = cost;
      result.span_pages = pages;
      result.span_blocks = static_cast<std::uint32_t>(blocks);
    }
  }
  result.fullness_scale = (kFullnessLists << 16U) / result.span_blocks;
  result.reciprocal =
      static_cast<std::uint32_t>((4_GiB + result.block_bytes - 1) / result.block_bytes);
  return result;
}

constexpr std::array<SizeClass, kSizeClassCount> make_size_classes() {
  std::array<SizeClass, kSizeClassCount> classes{};
  for (unsigned i = 0; i < kSizeClassCount; ++i)
    classes[i] = make_size_class(i);
  return classes;
}

}  // namespace internal

/// The class of blocks for `bytes`, 1 to kSmallBytesMax.
constexpr unsigned size_class_of(std::size_t bytes) {
  if (bytes <= kFineBytesMin) return 0;
  const auto last = static_cast<unsigned>(bytes - 1);
  if (bytes <= kFineBytesMax) return (last - (kFineBytesMin - kFineStep)) / kFineStep;
  if (bytes <= kMiddleBytesMax) {
    return kFineClassCount + internal::geometric_step(last - kBesideValueBytes, kMiddleBytesLog2);
  }
  return kCoarseClassFirst + internal::geometric_step(last, kCoarseBytesLog2);
}

inline constexpr std::array<SizeClass, kSizeClassCount> kSizeClasses =
    internal::make_size_classes();

}  // namespace appmem::core
