#pragma once

#include <string_view>

#include "appmem/base/error.h"
#include "appmem/base/limits.h"

namespace appmem::core {

inline bool may_be_key(std::string_view key) {
  return key.size() <= kKeyBytesMax;
}

/// Why may_be_key() says no.
Error key_too_long(std::string_view key);

/// Whether it may be a key. Errors: kTooLarge.
inline Result<void> check_key(std::string_view key) {
  if (may_be_key(key)) [[likely]]
    return {};
  return fail(key_too_long(key));
}

}  // namespace appmem::core
