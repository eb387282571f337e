#pragma once

#include <cstdint>
#include <string_view>

namespace appmem::storage {

/// CRC-32C (Castagnoli, as in RFC 3720) of `bytes`, going on from `crc`, which is 0 at first (or a
/// salt): crc32c(b, crc32c(a)) is that of a and b together. By the processor's instruction where it
/// has one (SSE 4.2, ARMv8 CRC), else by tables.
std::uint32_t crc32c(std::string_view bytes, std::uint32_t crc = 0);

/// By tables, on any processor. For tests.
std::uint32_t crc32c_by_tables(std::string_view bytes, std::uint32_t crc = 0);

}  // namespace appmem::storage
