#include "config_text.h"

#include <algorithm>

#include "appmem/base/units.h"

namespace appmem::daemon {
namespace {

constexpr std::size_t kCommentColumns = 98;

void append_comment(std::string& out, std::string_view text) {
  while (!text.empty()) {
    std::size_t length = text.size();
    if (length > kCommentColumns) {
      length = text.rfind(' ', kCommentColumns);
      if (length == std::string_view::npos) length = text.size();
    }
    out.append("# ").append(text.substr(0, length)).append("\n");
    text.remove_prefix(length < text.size() ? length + 1 : length);
  }
}

/// A TOML basic string.
std::string quoted(std::string_view text) {
  constexpr std::string_view kHex = "0123456789ABCDEF";
  std::string out = "\"";
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (byte < 0x20 || byte == 0x7F) {
      out += "\\u00";
      out += kHex[byte >> 4U];
      out += kHex[byte & 0xFU];
    } else {
      out += c;
    }
  }
  return out + '"';
}

/// Items with white space between them as an array.
std::string array_of(std::string_view items) {
  std::string out;
  while (!items.empty()) {
    const std::string_view item = items.substr(0, items.find(' '));
    items.remove_prefix(std::min(item.size() + 1, items.size()));
    out += (out.empty() ? "" : ", ") + quoted(item);
  }
  return '[' + out + ']';
}

/// `name = value`: switches and counts stand without quotes.
std::string assignment(const OptionRow& row, const Options& options) {
  const std::string value = row.show(options);
  if (row.is_list) return std::string(row.name) + " = " + array_of(value) + "\n";
  const bool bare = row.value_name.empty() || row.value_name == "N";
  return std::string(row.name) + " = " + (bare ? value : quoted(value)) + "\n";
}

void append_help(std::string& out, const OptionRow& row) {
  append_comment(out, row.help);
  if (!row.default_text.empty()) {
    append_comment(out, "Default: " + std::string(row.default_text) + ".");
  }
}

/// For documents, which must read the same wherever they are written.
Options documented_options() {
  return default_options({.cores = 4,
                          .memory_bytes = 2_GiB,
                          .default_socket = "/run/appmem/appmem.sock",
                          .default_data_dir = "/var/lib/appmem"});
}

}  // namespace

std::string config_as_toml(const Options& options) {
  std::string out;
  for (const OptionRow& row : option_rows()) {
    if (!out.empty()) out += '\n';
    append_help(out, row);
    out += assignment(row, options);
  }
  return out;
}

std::string example_config() {
  const Options options = documented_options();
  std::string out;
  append_comment(out, "Options of appmemd, with their defaults. Use it as");
  out += "#   appmemd --config FILE\n";
  append_comment(out,
                 "A flag (--max-memory) or a variable of the environment (APPMEM_MAX_MEMORY) comes "
                 "before what stands here. Sizes have units (64MiB, 1.5GB), and so have durations "
                 "(30s, 1h30m).");
  for (const OptionRow& row : option_rows()) {
    out += '\n';
    append_help(out, row);
    out += "#" + assignment(row, options);
  }
  return out;
}

namespace {

/// `text` within a table, where a bar would end the cell even in code.
std::string in_cell(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '|') out += '\\';
    out += c;
  }
  return out;
}

}  // namespace

std::string options_as_markdown() {
  const Options options = documented_options();
  std::string out = "| option | default | |\n| --- | --- | --- |\n";
  for (const OptionRow& row : option_rows()) {
    const std::string standard =
        row.default_text.empty() ? "`" + row.show(options) + "`" : std::string(row.default_text);
    out.append("| `").append(row.name).append("`");
    if (!row.value_name.empty()) out.append(" ").append(row.value_name);
    out.append(" | ").append(standard).append(" | ").append(in_cell(row.help)).append(" |\n");
  }
  return out;
}

}  // namespace appmem::daemon
