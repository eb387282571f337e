#include "base64.h"

#include <array>
#include <cstdint>

namespace appmem::codecs {
namespace {

constexpr std::string_view kAlphabet =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
constexpr std::uint8_t kNone = 0xFF;

constexpr auto kValues = [] {
  std::array<std::uint8_t, 256> values{};
  values.fill(kNone);
  for (std::size_t i = 0; i < kAlphabet.size(); ++i) {
    values[static_cast<unsigned char>(kAlphabet[i])] = static_cast<std::uint8_t>(i);
  }
  return values;
}();

std::uint32_t byte_at(std::string_view bytes, std::size_t i) {
  return static_cast<unsigned char>(bytes[i]);
}

std::uint32_t value_at(std::string_view text, std::size_t i) {
  return kValues[static_cast<unsigned char>(text[i])];
}

}  // namespace

void base64_encode(std::string_view bytes, char* out) {
  const auto put = [&out](std::uint32_t sextet) {
    *out++ = kAlphabet[sextet & 63U];
  };
  std::size_t i = 0;
  for (; i + 3 <= bytes.size(); i += 3) {
    const std::uint32_t group =
        byte_at(bytes, i) << 16U | byte_at(bytes, i + 1) << 8U | byte_at(bytes, i + 2);
    put(group >> 18U);
    put(group >> 12U);
    put(group >> 6U);
    put(group);
  }
  if (i == bytes.size()) return;
  const bool two = i + 2 == bytes.size();
  const std::uint32_t group =
      byte_at(bytes, i) << 16U | (two ? byte_at(bytes, i + 1) << 8U : std::uint32_t{0});
  put(group >> 18U);
  put(group >> 12U);
  if (two) {
    put(group >> 6U);
  } else {
    *out++ = '=';
  }
  *out++ = '=';
}

std::size_t base64_decode(std::string_view text, char* out) {
  if (text.size() % 4 != 0) return kBadBase64;
  if (text.empty()) return 0;
  const char* const begin = out;
  const auto put = [&out](std::uint32_t byte) {
    *out++ = static_cast<char>(byte & 0xFFU);
  };
  const std::size_t padding = text.ends_with("==") ? 2 : text.ends_with('=') ? 1 : 0;
  const std::size_t whole = text.size() - (padding == 0 ? 0 : 4);
  for (std::size_t i = 0; i < whole; i += 4) {
    const std::uint32_t a = value_at(text, i);
    const std::uint32_t b = value_at(text, i + 1);
    const std::uint32_t c = value_at(text, i + 2);
    const std::uint32_t d = value_at(text, i + 3);
    if (((a | b | c | d) & 0x80U) != 0) return kBadBase64;
    const std::uint32_t group = a << 18U | b << 12U | c << 6U | d;
    put(group >> 16U);
    put(group >> 8U);
    put(group);
  }
  if (padding == 0) return static_cast<std::size_t>(out - begin);
  const std::uint32_t a = value_at(text, whole);
  const std::uint32_t b = value_at(text, whole + 1);
  const std::uint32_t c = padding == 1 ? value_at(text, whole + 2) : 0;
  if (((a | b | c) & 0x80U) != 0) return kBadBase64;
  const std::uint32_t group = a << 18U | b << 12U | c << 6U;
  // Bits behind the last byte must be zero, so that no two texts mean the same bytes.
  if ((group & (padding == 1 ? 0xFFU : 0xFFFFU)) != 0) return kBadBase64;
  put(group >> 16U);
  if (padding == 1) put(group >> 8U);
  return static_cast<std::size_t>(out - begin);
}

}  // namespace appmem::codecs
