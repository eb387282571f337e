#pragma once

#include <cstddef>
#include <cstdint>

namespace appmem::storage {

/// Of 64 bits.
inline constexpr std::size_t kVarintBytesMax = 10;

/// Writes a varint (LEB128: 7 bits a byte, the lowest first), and returns where it ends.
/// Precondition: room for kVarintBytesMax.
inline char* write_varint(char* out, std::uint64_t value) {
  for (; value >= 0x80U; value >>= 7U)
    *out++ = static_cast<char>(value | 0x80U);
  *out++ = static_cast<char>(value);
  return out;
}

}  // namespace appmem::storage
