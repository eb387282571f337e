#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "redis_call.h"

namespace appmem::commands {

/// How a number says when an entry ends: EX, PX, EXAT or PXAT.
struct DeadlineForm {
  bool milliseconds = false;  // else seconds
  bool moment = false;        // since 1970, else from now
};

/// When an entry ends by `number`; a moment that has passed is now. Nothing when it is no 64-bit
/// number of milliseconds, or more than kTtlMax from now.
std::optional<core::Expiry> redis_deadline(std::int64_t number, DeadlineForm form,
                                           const Instant& now);

/// Replies that a deadline is none.
void refuse_redis_deadline(RedisCall& call);

}  // namespace appmem::commands
