#pragma once

#include <initializer_list>
#include <string>
#include <string_view>
#include <system_error>

#include "appmem/base/error.h"
#include "appmem/base/observer.h"

namespace appmem::server {

inline void report(Observer& observer, Severity severity, std::string_view name,
                   std::string_view message, std::initializer_list<EventField> fields = {}) {
  observer.event(severity, name, message, fields.begin(), fields.size());
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
