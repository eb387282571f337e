#pragma once

#include <cstdint>
#include <optional>

#include "appmem/base/error.h"
#include "appmem/base/time.h"
#include "appmem/core/keyspace.h"
#include "appmem/protocol/request.h"

namespace appmem::commands {

/// A time to live from now, in milliseconds: 1 to kTtlMax.
/// Errors: kInvalidRequest, which names `field`.
Result<core::Expiry> expiry_after(protocol::Field field, std::int64_t ttl_ms, const Instant& now);

/// `ttl_ms` or another field of type kTtl: null is never. Errors: as expiry_after.
Result<core::Expiry> expiry_of_ttl(const protocol::Argument& ttl, const Instant& now);

/// `expires_at_ms`: a moment of the wall clock, in milliseconds since 1970, at most kTtlMax from
/// now; null is never. One in the past is accepted. Errors: kInvalidRequest.
Result<core::Expiry> expiry_of_moment(const protocol::Argument& moment, const Instant& now);

/// The expiry of an item of `entries`: nothing is the namespace's default, 0 never.
/// Errors: as expiry_after.
Result<core::Expiry> expiry_of_entry(std::optional<std::int64_t> ttl_ms, const Instant& now);

/// The time from now until `deadline`, in milliseconds; at least 1, as the entry is there.
std::int64_t remaining_ms(TimePoint deadline, const Instant& now);

}  // namespace appmem::commands
