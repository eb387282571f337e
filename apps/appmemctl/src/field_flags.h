#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "appmem/client/request.h"
#include "appmem/protocol/command_table.h"

namespace appmem::ctl {

/// A field of the command table as the command line has it: the flag is the field's name with
/// dashes, without the unit, because its value carries one (`ttl_ms` is `--ttl 5m`).
std::string flag_of(const protocol::FieldSpec& field);

/// What stands for the value in help ("DURATION"); empty for a flag that takes none.
std::string_view flag_value_name(const protocol::FieldSpec& field);

/// Help of the flag: the table's words, with the unit that the command line uses.
std::string flag_help(const protocol::FieldSpec& field);

/// Adds the field to a request, from the text of its flag or argument. Errors: kInvalidRequest,
/// naming the flag and what it takes.
Result<void> add_field(client::RequestBuilder& request, const protocol::FieldSpec& field,
                       const std::string& text);

/// The row's field; every field that the program asks for is there.
const protocol::FieldSpec& field_of(const protocol::CommandSpec& command, protocol::Field field);

/// A number of milliseconds since 1970: "2027-01-31T12:00:00Z", "2027-01-31 12:00:00", a day alone,
/// all UTC, or the number itself. Nothing when it is none of them.
std::optional<std::int64_t> parse_moment(std::string_view text);

}  // namespace appmem::ctl
