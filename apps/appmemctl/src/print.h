#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "appmem/client/answer.h"
#include "context.h"

/// How answers look to people.
namespace appmem::ctl {

/// What stands for a key that is not there.
inline constexpr std::string_view kMissing = "(nil)";

/// A value alone: exactly its bytes, with a line end on a terminal.
void print_value(Context& context, const client::Value& value);

/// Says that there is nothing, to people: a script tells by the exit code, and --raw is bytes
/// alone.
void print_missing(Context& context);

/// `name: text` for each field, numbers of bytes and milliseconds with their unit in brackets;
/// `ok` is left out, objects inside have their names before a dot.
void print_fields(Output& out, const client::JsonView& object);

/// A table with a header of the named columns; numbers of bytes have units. Where a row has no such
/// field there is a dash.
void print_table(Output& out, const client::JsonView& rows,
                 std::span<const std::string_view> columns);

/// So many bytes for people: "1.2 MiB", "64 MiB", rounded. Nothing below 1 KiB, where the number
/// says it all.
std::optional<std::string> format_bytes(std::uint64_t bytes);

/// How long something has to live, for people: "4m59s", "1d2h", "900ms". Rounded up to a second
/// above one.
std::string format_time_left(std::chrono::milliseconds left);

/// The items of list `field` of an answer, or of nothing where it has none.
client::JsonItems items_of(const client::JsonView& answer, std::string_view field);

}  // namespace appmem::ctl
