#include "log_line.h"

#include <nlohmann/json.hpp>

namespace appmem::daemon {
namespace {

void append_printable(std::string& line, std::string_view text) {
  for (const char c : text) {
    line += static_cast<unsigned char>(c) < 0x20 || c == 0x7F ? '?' : c;
  }
}

}  // namespace

std::string log_line_text(std::string_view message, std::span<const EventField> fields,
                          std::uint64_t left_out) {
  std::string line;
  append_printable(line, message);
  for (const EventField& field : fields) {
    line.append("  ").append(field.name).append("=");
    if (field.numeric) {
      line.append(std::to_string(field.number));
    } else {
      append_printable(line, field.text);
    }
  }
  if (left_out > 0) line += "  left_out=" + std::to_string(left_out);
  return line;
}

std::string log_line_json(std::string_view event, std::string_view message,
                          std::span<const EventField> fields, std::uint64_t left_out) {
  nlohmann::ordered_json object;
  object["event"] = event;
  object["message"] = message;
  for (const EventField& field : fields) {
    const std::string key(field.name);
    if (field.numeric) {
      object[key] = field.number;
    } else {
      object[key] = field.text;
    }
  }
  if (left_out > 0) object["left_out"] = left_out;
  const std::string line = object.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
  return line.substr(1, line.size() - 2);
}

}  // namespace appmem::daemon
