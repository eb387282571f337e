#pragma once

#include <string>
#include <string_view>

#include "appmem/base/error.h"
#include "appmem/base/limits.h"

namespace appmem::core {

/// Whether it may be a key. Errors: kTooLarge.
inline Result<void> check_key(std::string_view key) {
  if (key.size() <= kKeyBytesMax) [[likely]]
    return {};
  return fail(ErrorCode::kTooLarge, "the key of " + std::to_string(key.size()) +
                                        " bytes is over the limit of " +
                                        std::to_string(kKeyBytesMax));
}

}  // namespace appmem::core
