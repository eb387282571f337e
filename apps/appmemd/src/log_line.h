#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "appmem/base/observer.h"

namespace appmem::daemon {

/// What an event says, without time and level. One line, whatever the texts contain; `left_out`
/// (how many of its kind were not logged) stands in it when it is not 0. Thread safety: all.

/// "message  name=value  name=value"; control characters become '?'.
std::string log_line_text(std::string_view message, std::span<const EventField> fields,
                          std::uint64_t left_out);

/// The members of a JSON object, without its braces: `"event":"…","message":"…","name":value`.
/// What is no UTF-8 is replaced.
std::string log_line_json(std::string_view event, std::string_view message,
                          std::span<const EventField> fields, std::uint64_t left_out);

}  // namespace appmem::daemon
