#pragma once

#include <cstddef>
#include <string_view>

/// Base64 as RFC 4648 has it (section 4), with padding and strictly: no white space, no other
/// alphabet, no stray bits.
namespace appmem::codecs {

constexpr std::size_t base64_encoded_size(std::size_t bytes) {
  return (bytes + 2) / 3 * 4;
}

/// Writes base64_encoded_size(bytes.size()) characters.
void base64_encode(std::string_view bytes, char* out);

/// Writes at most text.size() / 4 * 3 bytes and returns how many, or kBadBase64. `out` may be where
/// `text` is.
inline constexpr std::size_t kBadBase64 = ~std::size_t{0};
std::size_t base64_decode(std::string_view text, char* out);
/// What base64_decode returns where all characters are right.
constexpr std::size_t base64_decoded_size(std::string_view text) {
  if (text.size() % 4 != 0) return kBadBase64;
  const std::size_t padding = text.ends_with("==") ? 2 : text.ends_with('=') ? 1 : 0;
  return text.size() / 4 * 3 - padding;
}

}  // namespace appmem::codecs
