#include "key_hash.h"

#include <string>

#include <xxhash.h>

#include "appmem/core/key_check.h"

namespace appmem::core {

std::uint64_t hash_key(std::string_view key, std::uint64_t seed) {
  const std::uint64_t hash = XXH3_64bits_withSeed(key.data(), key.size(), seed);
  return hash - static_cast<std::uint64_t>(hash == kHashEnd);
}

Error key_too_long(std::string_view key) {
  return {ErrorCode::kTooLarge, "the key of " + std::to_string(key.size()) +
                                    " bytes is over the limit of " + std::to_string(kKeyBytesMax)};
}

}  // namespace appmem::core
