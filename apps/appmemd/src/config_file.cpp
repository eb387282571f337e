#include "config_file.h"

#include <cerrno>
#include <charconv>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <system_error>
#include <vector>

#include <fcntl.h>
#include <toml++/toml.h>
#include <unistd.h>

#include "appmem/base/units.h"

namespace appmem::daemon {
namespace {

constexpr std::size_t kFileBytesMax = 1_MiB;

std::string place(const std::string& path, const toml::source_region& source) {
  return path + ":" + std::to_string(source.begin.line) + ":" + std::to_string(source.begin.column);
}

/// The items of an array of strings, for an option that is a list.
std::optional<std::vector<std::string>> items_of(const toml::array& array) {
  std::vector<std::string> items;
  for (const toml::node& item : array) {
    const auto* const text = item.as_string();
    if (text == nullptr) return std::nullopt;
    items.push_back(text->get());
  }
  return items;
}

/// The digits of an octal number, or nothing where it was not written as one: 600 would be another
/// number than 0o600.
std::optional<std::string> octal_digits(const toml::value<std::int64_t>& number) {
  if (number.flags() != toml::value_flags::format_as_octal) return std::nullopt;
  char digits[32];
  const auto [end, error] = std::to_chars(digits, digits + sizeof digits, number.get(), 8);
  return error == std::errc{} ? std::optional(std::string(digits, end)) : std::nullopt;
}

/// What to write in place of a number whose digits are to be octal ones.
std::string octal_advice(const toml::value<std::int64_t>& number) {
  const std::string written = std::to_string(number.get());
  const bool plain = number.flags() == toml::value_flags::none &&
                     written.find_first_not_of("01234567") == std::string::npos;
  const std::string digits = plain ? written : "600";
  return "expected octal digits: write 0o" + digits + " or \"0" + digits + '"';
}

/// The text of a value as it would stand behind a flag.
std::optional<std::string> text_of(const toml::node& node) {
  if (const auto* text = node.as_string()) return text->get();
  if (const auto* number = node.as_integer()) return std::to_string(number->get());
  if (const auto* boolean = node.as_boolean()) return boolean->get() ? "true" : "false";
  return std::nullopt;
}

Result<std::string> read_file(const std::string& path) {
  const auto failed = [&](const std::string& reason) {
    return fail(ErrorCode::kNotFound, "cannot read " + path + ": " + reason);
  };
  const int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (file < 0) return failed(std::system_category().message(errno));
  std::string text;
  char buffer[16'384];
  ssize_t n = 0;
  while ((n = ::read(file, buffer, sizeof buffer)) > 0 && text.size() <= kFileBytesMax)
    text.append(buffer, static_cast<std::size_t>(n));
  const int error = errno;
  ::close(file);
  if (n < 0) return failed(std::system_category().message(error));
  if (text.size() > kFileBytesMax) return failed("it is larger than 1 MiB");
  return text;
}

Result<toml::table> parse(const std::string& path, const std::string& text) {
  try {
    return toml::parse(text, path);
  } catch (const toml::parse_error& error) {
    return fail(ErrorCode::kInvalidRequest,
                place(path, error.source()) + ": " + std::string(error.description()));
  }
}

}  // namespace

Result<void> read_config_file(const std::string& path, Options& options,
                              const std::function<void(std::string_view)>& given) {
  const auto text = read_file(path);
  if (!text) return fail(text.error());
  const auto table = parse(path, *text);
  if (!table) return fail(table.error());
  for (const auto& [key, node] : *table) {
    const OptionRow* row = find_option(key.str());
    if (row == nullptr) {
      const std::string_view similar = similar_option(key.str());
      const std::string hint = similar.empty() ? "`appmemd --print-config` lists all"
                                               : "did you mean " + std::string(similar) + "?";
      return fail(ErrorCode::kInvalidRequest, place(path, key.source()) + ": unknown option \"" +
                                                  std::string(key.str().substr(0, 200)) + "\"; " +
                                                  hint);
    }
    const auto* const number = row->is_octal ? node.as_integer() : nullptr;
    const auto octal = number != nullptr ? octal_digits(*number) : std::nullopt;
    if (number != nullptr && !octal) {
      return fail(ErrorCode::kInvalidRequest, place(path, node.source()) + ": " +
                                                  std::string(row->name) + ": " +
                                                  octal_advice(*number));
    }
    const auto* const list = row->is_list ? node.as_array() : nullptr;
    const auto items = list != nullptr ? items_of(*list) : std::nullopt;
    const auto value = octal             ? octal
                       : list == nullptr ? text_of(node)
                       : items           ? std::optional(join_items(*items))
                                         : std::nullopt;
    if (!value) {
      return fail(ErrorCode::kInvalidRequest,
                  place(path, node.source()) + ": " + std::string(row->name) + ": expected " +
                      (row->is_list ? "an array of strings" : "a string, number or boolean"));
    }
    const std::string source = place(path, node.source()) + ": " + std::string(row->name);
    if (row->is_list) {
      const std::span<const std::string> given_items = items ? *items : std::span(&*value, 1);
      if (auto checked = check_items(*row, given_items, source); !checked) return checked;
    }
    if (auto set = set_option(options, *row, *value, source); !set) return set;
    given(row->name);
  }
  return {};
}

}  // namespace appmem::daemon
