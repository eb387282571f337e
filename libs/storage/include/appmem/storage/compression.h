#pragma once

#include <cstdint>
#include <limits>

namespace appmem::storage {

/// The least that may be given as StorageOptions::compress_above: a zstd frame has up to 18 bytes
/// of its own, so that shorter values gain hardly anything.
inline constexpr std::uint64_t kCompressAboveMin = 64;
/// No value is longer.
inline constexpr std::uint64_t kCompressNever = std::numeric_limits<std::uint64_t>::max();

}  // namespace appmem::storage
