#include "print_config.h"

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

}  // namespace

std::string config_as_toml(const Options& options) {
  std::string out;
  for (const OptionRow& row : option_rows()) {
    if (!out.empty()) out += '\n';
    append_comment(out, row.help);
    if (!row.default_text.empty()) {
      append_comment(out, "Default: " + std::string(row.default_text) + ".");
    }
    const std::string value = row.show(options);
    out.append(row.name).append(" = ").append(row.value_name.empty() ? value : quoted(value));
    out += '\n';
  }
  return out;
}

}  // namespace appmem::daemon
