#include "crc32c.h"

#include <array>
#include <cstddef>

#if defined(__x86_64__)
#include <nmmintrin.h>
#elif defined(__ARM_FEATURE_CRC32)
#include <arm_acle.h>
#endif

#include "little_endian.h"

namespace appmem::storage {
namespace {

/// 0x1EDC6F41 with its lowest bit first.
constexpr std::uint32_t kPolynomial = 0x82F63B78;

using Table = std::array<std::uint32_t, 256>;

/// Slicing by 8 (Kounavis and Berry, 2005): [i][byte] is what a byte does to the register when i
/// bytes follow it.
constexpr std::array<Table, 8> make_tables() {
  std::array<Table, 8> tables{};
  for (std::uint32_t byte = 0; byte < 256; ++byte) {
    std::uint32_t crc = byte;
    for (int bit = 0; bit < 8; ++bit)
      crc = (crc >> 1U) ^ ((crc & 1U) != 0 ? kPolynomial : 0U);
    tables[0][byte] = crc;
  }
  for (std::size_t i = 1; i < tables.size(); ++i) {
    for (std::size_t byte = 0; byte < 256; ++byte) {
      const std::uint32_t crc = tables[i - 1][byte];
      tables[i][byte] = (crc >> 8U) ^ tables[0][crc & 0xFFU];
    }
  }
  return tables;
}

constexpr std::array<Table, 8> kTables = make_tables();

std::uint32_t add_by_tables(std::uint32_t crc, const char* data, std::size_t size) {
  for (; size >= 8; size -= 8, data += 8) {
    const std::uint64_t word = load_u64(data) ^ crc;
    crc = kTables[7][word & 0xFFU] ^ kTables[6][(word >> 8U) & 0xFFU] ^
          kTables[5][(word >> 16U) & 0xFFU] ^ kTables[4][(word >> 24U) & 0xFFU] ^
          kTables[3][(word >> 32U) & 0xFFU] ^ kTables[2][(word >> 40U) & 0xFFU] ^
          kTables[1][(word >> 48U) & 0xFFU] ^ kTables[0][word >> 56U];
  }
  for (; size != 0; --size, ++data) {
    const auto byte = static_cast<unsigned char>(*data);
    crc = (crc >> 8U) ^ kTables[0][(crc ^ byte) & 0xFFU];
  }
  return crc;
}

#if defined(__x86_64__)

#define APPMEM_CRC_TARGET __attribute__((target("sse4.2")))

bool has_instruction() {
  return __builtin_cpu_supports("sse4.2") != 0;
}

APPMEM_CRC_TARGET inline std::uint32_t add_byte(std::uint32_t crc, char byte) {
  return _mm_crc32_u8(crc, static_cast<unsigned char>(byte));
}

APPMEM_CRC_TARGET inline std::uint32_t add_word(std::uint32_t crc, std::uint64_t word) {
  return static_cast<std::uint32_t>(_mm_crc32_u64(crc, word));
}

#elif defined(__ARM_FEATURE_CRC32)

#define APPMEM_CRC_TARGET

constexpr bool has_instruction() {
  return true;
}

inline std::uint32_t add_byte(std::uint32_t crc, char byte) {
  return __crc32cb(crc, static_cast<std::uint8_t>(byte));
}

inline std::uint32_t add_word(std::uint32_t crc, std::uint64_t word) {
  return __crc32cd(crc, word);
}

#endif

#if defined(APPMEM_CRC_TARGET)

/// What zeros do to the register is linear: [bit] is what becomes of that bit.
using ZeroBytes = std::array<std::uint32_t, 32>;

constexpr std::uint32_t apply(const ZeroBytes& zeros, std::uint32_t crc) {
  std::uint32_t sum = 0;
  for (unsigned bit = 0; bit < 32; ++bit) {
    if (((crc >> bit) & 1U) != 0) sum ^= zeros[bit];
  }
  return sum;
}

/// [i][byte]: what a byte, the i-th lowest of the register, becomes when `bytes` zeros follow.
/// `bytes` is a power of two.
constexpr std::array<Table, 4> make_shift(std::size_t bytes) {
  ZeroBytes zeros{};
  for (unsigned bit = 0; bit < 32; ++bit) {
    const std::uint32_t crc = std::uint32_t{1} << bit;
    zeros[bit] = (crc >> 8U) ^ kTables[0][crc & 0xFFU];
  }
  for (; bytes > 1; bytes /= 2) {
    const ZeroBytes half = zeros;
    for (unsigned bit = 0; bit < 32; ++bit)
      zeros[bit] = apply(half, half[bit]);
  }
  std::array<Table, 4> shift{};
  for (unsigned i = 0; i < 4; ++i) {
    for (unsigned byte = 1; byte < 256; ++byte) {
      // All bits but the lowest, and the lowest.
      const auto lowest = static_cast<unsigned>(__builtin_ctz(byte));
      shift[i][byte] = shift[i][byte & (byte - 1)] ^ zeros[8 * i + lowest];
    }
  }
  return shift;
}

template <std::size_t kBytes>
constexpr std::array<Table, 4> kShift = make_shift(kBytes);

template <std::size_t kBytes>
std::uint32_t shift(std::uint32_t crc) {
  const std::array<Table, 4>& tables = kShift<kBytes>;
  return tables[0][crc & 0xFFU] ^ tables[1][(crc >> 8U) & 0xFFU] ^ tables[2][(crc >> 16U) & 0xFFU] ^
         tables[3][crc >> 24U];
}

/// The instruction takes three cycles and one can begin in each: three stripes at a time, joined
/// afterwards (as Mark Adler's crc32c.c does). Takes as many times three stripes as there are.
template <std::size_t kStripeBytes>
APPMEM_CRC_TARGET std::uint32_t add_stripes(std::uint32_t crc, const char*& data,
                                            std::size_t& size) {
  while (size >= 3 * kStripeBytes) {
    std::uint32_t second = 0;
    std::uint32_t third = 0;
    for (const char* const end = data + kStripeBytes; data != end; data += 8) {
      crc = add_word(crc, load_u64(data));
      second = add_word(second, load_u64(data + kStripeBytes));
      third = add_word(third, load_u64(data + 2 * kStripeBytes));
    }
    crc = shift<kStripeBytes>(shift<kStripeBytes>(crc) ^ second) ^ third;
    data += 2 * kStripeBytes;
    size -= 3 * kStripeBytes;
  }
  return crc;
}

constexpr std::size_t kLongStripeBytes = 4096;
constexpr std::size_t kShortStripeBytes = 256;

APPMEM_CRC_TARGET std::uint32_t add_by_instruction(std::uint32_t crc, const char* data,
                                                   std::size_t size) {
  crc = add_stripes<kLongStripeBytes>(crc, data, size);
  crc = add_stripes<kShortStripeBytes>(crc, data, size);
  for (; size >= 8; size -= 8, data += 8)
    crc = add_word(crc, load_u64(data));
  for (; size != 0; --size, ++data)
    crc = add_byte(crc, *data);
  return crc;
}

#endif

}  // namespace

std::uint32_t crc32c(std::string_view bytes, std::uint32_t crc) {
#if defined(APPMEM_CRC_TARGET)
  static const bool kHasInstruction = has_instruction();
  if (kHasInstruction) return ~add_by_instruction(~crc, bytes.data(), bytes.size());
#endif
  return crc32c_by_tables(bytes, crc);
}

std::uint32_t crc32c_by_tables(std::string_view bytes, std::uint32_t crc) {
  return ~add_by_tables(~crc, bytes.data(), bytes.size());
}

}  // namespace appmem::storage
