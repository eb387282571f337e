#include "field_flags.h"

#include <algorithm>
#include <charconv>
#include <chrono>
#include <cstdint>

#include "appmem/base/check.h"
#include "appmem/base/limits.h"
#include "appmem/base/units.h"

namespace appmem::ctl {
namespace {

using protocol::FieldSpec;
using protocol::FieldType;

/// The largest number that a request holds.
constexpr std::uint64_t kNumberMax = INT64_MAX;

constexpr std::string_view kMillisSuffix = "_ms";
constexpr std::string_view kBytesSuffix = "_bytes";

template <typename Integer>
std::optional<Integer> parse_number(std::string_view text) {
  Integer number{};
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, number);
  if (text.empty() || error != std::errc{} || stop != end) return std::nullopt;
  return number;
}

bool is_moment(const FieldSpec& field) {
  return field.field == protocol::Field::kExpiresAtMs;
}

bool is_size(const FieldSpec& field) {
  return protocol::field_name(field.field).ends_with(kBytesSuffix);
}

/// Takes `digits` digits off the front of `text`.
std::optional<int> take_digits(std::string_view& text, std::size_t digits) {
  const auto number = parse_number<unsigned>(text.substr(0, digits));
  if (text.size() < digits || !number) return std::nullopt;
  text.remove_prefix(digits);
  return static_cast<int>(*number);
}

bool take(std::string_view& text, std::string_view one_of) {
  if (text.empty() || one_of.find(text.front()) == std::string_view::npos) return false;
  text.remove_prefix(1);
  return true;
}

/// "hh:mm:ss" with an optional "Z".
std::optional<std::chrono::seconds> take_time_of_day(std::string_view& text) {
  const auto hour = take_digits(text, 2);
  if (!hour || *hour > 23 || !take(text, ":")) return std::nullopt;
  const auto minute = take_digits(text, 2);
  if (!minute || *minute > 59 || !take(text, ":")) return std::nullopt;
  const auto second = take_digits(text, 2);
  if (!second || *second > 59) return std::nullopt;
  return std::chrono::hours(*hour) + std::chrono::minutes(*minute) + std::chrono::seconds(*second);
}

tl::unexpected<Error> wrong(const FieldSpec& field, const std::string& text,
                            std::string_view takes) {
  return fail(ErrorCode::kInvalidRequest,
              flag_of(field) + " takes " + std::string(takes) + ", not \"" + text + '"');
}

Result<void> add_text(client::RequestBuilder& request, const FieldSpec& field,
                      const std::string& text) {
  if (!field.choices.empty() &&
      std::find(field.choices.begin(), field.choices.end(), text) == field.choices.end()) {
    std::string takes = "one of";
    for (const std::string_view choice : field.choices)
      takes.append(" ").append(choice);
    return wrong(field, text, takes);
  }
  request.text(field.field, text);
  return {};
}

Result<void> add_duration(client::RequestBuilder& request, const FieldSpec& field,
                          const std::string& text) {
  const bool never = field.type == FieldType::kTtl;
  const Result<std::chrono::milliseconds> duration = parse_duration(text);
  if (!duration) {
    return fail(ErrorCode::kInvalidRequest, flag_of(field) + ": " + duration.error().message +
                                                (never ? "; `never` or `none` is no end" : ""));
  }
  if (duration->count() < 1 || *duration > kTtlMax) {
    return wrong(field, text,
                 "a duration from 1ms to " + format_duration(kTtlMax) +
                     (never ? ", or `never` or `none`" : ""));
  }
  request.integer(field.field, duration->count());
  return {};
}

Result<void> add_amount(client::RequestBuilder& request, const FieldSpec& field,
                        const std::string& text) {
  if (is_size(field)) {
    const Result<std::uint64_t> size = parse_byte_size(text);
    if (!size) {
      return fail(ErrorCode::kInvalidRequest, flag_of(field) + ": " + size.error().message);
    }
    if (*size > kNumberMax || (field.type == FieldType::kMaximum && *size == 0)) {
      return wrong(field, text, "a size of at least 1 byte, or `none` or `never` for no limit");
    }
    request.unsigned_integer(field.field, *size);
    return {};
  }
  const auto number = parse_number<std::uint64_t>(text);
  if (field.field == protocol::Field::kLimit) {
    if (!number || *number < 1 || *number > kScanLimitMax) {
      return wrong(field, text, "a number from 1 to " + std::to_string(kScanLimitMax));
    }
  } else if (field.type == FieldType::kMaximum) {
    if (!number || *number < 1 || *number > kNumberMax) {
      return wrong(field, text, "a number of at least 1, or `none` or `never` for no limit");
    }
  } else if (!number || *number > kNumberMax) {
    return wrong(field, text, "a number from 0 to " + std::to_string(kNumberMax));
  }
  request.unsigned_integer(field.field, *number);
  return {};
}

Result<void> add_integer(client::RequestBuilder& request, const FieldSpec& field,
                         const std::string& text) {
  const auto number = is_moment(field) ? parse_moment(text) : parse_number<std::int64_t>(text);
  if (!number) {
    return wrong(field, text, is_moment(field) ? "a moment like 2027-01-31T12:00:00Z" : "a number");
  }
  request.integer(field.field, *number);
  return {};
}

/// What people write for a ceiling or an end that there is not to be: either word does for both.
bool is_no_limit(std::string_view text) {
  return text == "none" || text == "never";
}

/// A number, or a word in backticks.
bool is_default(std::string_view text) {
  if (text.size() > 2 && text.front() == '`') return text.find('`', 1) == text.size() - 1;
  return parse_number<std::int64_t>(text).has_value();
}

}  // namespace

std::optional<std::int64_t> parse_moment(std::string_view text) {
  if (const auto number = parse_number<std::int64_t>(text)) return number;
  const auto year = take_digits(text, 4);
  if (!year || !take(text, "-")) return std::nullopt;
  const auto month = take_digits(text, 2);
  if (!month || !take(text, "-")) return std::nullopt;
  const auto day = take_digits(text, 2);
  if (!day) return std::nullopt;
  const std::chrono::year_month_day date{std::chrono::year(*year),
                                         std::chrono::month(static_cast<unsigned>(*month)),
                                         std::chrono::day(static_cast<unsigned>(*day))};
  if (!date.ok()) return std::nullopt;
  std::chrono::seconds time{0};
  if (take(text, "Tt ")) {
    const auto parsed = take_time_of_day(text);
    if (!parsed) return std::nullopt;
    time = *parsed;
    take(text, "Zz");
  }
  if (!text.empty()) return std::nullopt;
  return std::chrono::milliseconds(std::chrono::sys_days(date).time_since_epoch() + time).count();
}

std::string flag_of(const FieldSpec& field) {
  std::string_view name = protocol::field_name(field.field);
  if (name.ends_with(kMillisSuffix)) name.remove_suffix(kMillisSuffix.size());
  std::string flag = "--" + std::string(name);
  for (char& c : flag) {
    if (c == '_') c = '-';
  }
  return flag;
}

std::string_view flag_value_name(const FieldSpec& field) {
  switch (field.type) {
    case FieldType::kBool:
      return "";
    case FieldType::kMillis:
    case FieldType::kTtl:
      return "DURATION";
    case FieldType::kUnsigned:
    case FieldType::kMaximum:
      return is_size(field) ? "SIZE" : "N";
    case FieldType::kInteger:
      return is_moment(field) ? "MOMENT" : "N";
    case FieldType::kCursor:
      return "CURSOR";
    default:
      return "TEXT";
  }
}

std::string flag_help(const FieldSpec& field) {
  std::string help(field.help);
  const auto replace = [&](std::string_view from, std::string_view to) {
    const std::size_t at = help.find(from);
    if (at != std::string::npos) help.replace(at, from.size(), to);
  };
  replace(", in milliseconds since 1970", " (2027-01-31T12:00:00Z)");
  replace(" in milliseconds", " (90s, 5m, 1h30m)");
  replace("null for never", "`never` or `none` for no end");
  // The table speaks of the wire.
  replace(" with `out_of_range`", "");
  replace("answer with the value", "print the value");
  replace("; with `key`", "; with one key");
  replace("at most about so many in one answer", "one page of at most about so many");
  replace("where the last answer ended", "the page that begins where the last one ended");
  replace("answer with entries instead of keys", "print `key = value` lines");
  // What stands behind the last semicolon alone is what holds without the flag.
  const std::size_t semicolon = help.rfind("; ");
  if (semicolon != std::string::npos && is_default(help.substr(semicolon + 2))) {
    help.insert(semicolon + 2, "default ");
  }
  if (field.type == FieldType::kMaximum) help += "; `none` or `never` for no limit";
  if (field.type == FieldType::kTtl && help.find("`never`") == std::string::npos) {
    help += "; `never` or `none` for no end";
  }
  if (!field.choices.empty()) {
    help += " (";
    for (const std::string_view choice : field.choices) {
      if (!help.ends_with('(')) help += ", ";
      help += choice;
    }
    help += ')';
  }
  if (field.unavailable) help += " (not available yet)";
  return help;
}

Result<void> add_field(client::RequestBuilder& request, const FieldSpec& field,
                       const std::string& text) {
  switch (field.type) {
    case FieldType::kBool:
      request.boolean(field.field, true);
      return {};
    case FieldType::kBytes:
      request.bytes(field.field, text);
      return {};
    case FieldType::kValue:
      request.raw_bytes(field.field, text);
      return {};
    case FieldType::kText:
    case FieldType::kCursor:
      return add_text(request, field, text);
    case FieldType::kInteger:
      return add_integer(request, field, text);
    case FieldType::kMaximum:
      if (is_no_limit(text)) {
        request.null(field.field);
        return {};
      }
      return add_amount(request, field, text);
    case FieldType::kUnsigned:
      return add_amount(request, field, text);
    case FieldType::kTtl:
      if (is_no_limit(text)) {
        request.null(field.field);
        return {};
      }
      return add_duration(request, field, text);
    case FieldType::kMillis:
      return add_duration(request, field, text);
    case FieldType::kKeyList:
    case FieldType::kEntryList:
    case FieldType::kOpList:
      break;
  }
  return fail(ErrorCode::kInternal, flag_of(field) + " is no flag");
}

const FieldSpec& field_of(const protocol::CommandSpec& command, protocol::Field field) {
  for (const FieldSpec& spec : command.fields) {
    if (spec.field == field) return spec;
  }
  APPMEM_CHECK(!"a field that the command has");
  return command.fields.front();
}

}  // namespace appmem::ctl
