#include "redis_deadline.h"

#include <algorithm>
#include <string>

#include "appmem/base/limits.h"

namespace appmem::commands {

std::optional<core::Expiry> redis_deadline(std::int64_t number, DeadlineForm form,
                                           const Instant& now) {
  std::int64_t ms = number;
  if (!form.milliseconds && __builtin_mul_overflow(number, std::int64_t{1000}, &ms)) {
    return std::nullopt;
  }
  const TimePoint latest = now.mono + kTtlMax;
  TimePoint at = now.mono;
  if (form.moment) {
    at = now.at_wall(WallTime(milliseconds(ms)));
  } else if (ms > 0) {
    at = ms > kTtlMax.count() ? TimePoint::max() : now.mono + milliseconds(ms);
  }
  if (at > latest) return std::nullopt;
  return core::Expiry{core::Expiry::Mode::kAt, std::max(at, now.mono)};
}

void refuse_redis_deadline(RedisCall& call) {
  call.reply.failure("ERR invalid expire time in '" + std::string(call.spec.name) + "' command");
}

}  // namespace appmem::commands
