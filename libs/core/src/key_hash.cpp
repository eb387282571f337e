#include "key_hash.h"

#include <xxhash.h>

namespace appmem::core {

std::uint64_t hash_key(std::string_view key, std::uint64_t seed) {
  const std::uint64_t hash = XXH3_64bits_withSeed(key.data(), key.size(), seed);
  return hash - static_cast<std::uint64_t>(hash == kHashEnd);
}

}  // namespace appmem::core
