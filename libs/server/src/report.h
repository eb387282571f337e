#pragma once

#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <system_error>

#include "appmem/base/error.h"
#include "appmem/base/observer.h"
#include "appmem/protocol/caller.h"

namespace appmem::server {

inline void report(Observer& observer, Severity severity, std::string_view name,
                   std::string_view message, std::initializer_list<EventField> fields = {}) {
  observer.event(severity, name, message, fields.begin(), fields.size());
}

/// The user of a client; -1 where the kernel does not say.
inline EventField user_field(std::uint32_t uid) {
  return EventField::of("uid", uid == protocol::kNobody ? -1 : std::int64_t{uid});
}

/// What the system says about an errno.
inline std::string system_message(int error) {
  return std::error_code(error, std::generic_category()).message();
}

/// "cannot do this: the system's words"
inline tl::unexpected<Error> system_failure(const std::string& what, int error) {
  return fail(ErrorCode::kInternal, what + ": " + system_message(error));
}

}  // namespace appmem::server
