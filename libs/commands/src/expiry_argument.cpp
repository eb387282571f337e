#include "expiry_argument.h"

#include <algorithm>
#include <chrono>
#include <string>

#include "appmem/base/limits.h"

namespace appmem::commands {
namespace {

using core::Expiry;
using protocol::Field;

tl::unexpected<Error> too_far(Field field) {
  return fail(ErrorCode::kInvalidRequest, std::string(field_name(field)) + " is at most " +
                                              std::to_string(kTtlMax.count()) +
                                              " ms from now (100 years)");
}

}  // namespace

Result<Expiry> expiry_after(Field field, std::int64_t ttl_ms, const Instant& now) {
  if (ttl_ms < 1) {
    return fail(ErrorCode::kInvalidRequest,
                std::string(field_name(field)) + " must be at least 1, or null for never");
  }
  if (ttl_ms > kTtlMax.count()) return too_far(field);
  return Expiry{Expiry::Mode::kAt, now.mono + milliseconds(ttl_ms)};
}

Result<Expiry> expiry_of_ttl(const protocol::Argument& ttl, const Instant& now) {
  if (ttl.null) return Expiry{Expiry::Mode::kNever, {}};
  return expiry_after(ttl.field, ttl.integer, now);
}

Result<Expiry> expiry_of_moment(const protocol::Argument& moment, const Instant& now) {
  if (moment.null) return Expiry{Expiry::Mode::kNever, {}};
  const TimePoint at = now.at_wall(WallTime(milliseconds(moment.integer)));
  if (at > now.mono + kTtlMax) return too_far(moment.field);
  return Expiry{Expiry::Mode::kAt, at};
}

Result<Expiry> expiry_of_entry(std::optional<std::int64_t> ttl_ms, const Instant& now) {
  if (!ttl_ms) return Expiry{};
  if (*ttl_ms == 0) return Expiry{Expiry::Mode::kNever, {}};
  return expiry_after(Field::kTtlMs, *ttl_ms, now);
}

std::int64_t remaining_ms(TimePoint deadline, const Instant& now) {
  return std::max<std::int64_t>(1, (deadline - now.mono).count());
}

}  // namespace appmem::commands
