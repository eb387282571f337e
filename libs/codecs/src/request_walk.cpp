#include "request_walk.h"

#include <bit>

#include "appmem/base/limits.h"
#include "command_layout.h"
#include "json_scan.h"

namespace appmem::codecs {

using protocol::Argument;
using protocol::CommandSpec;
using protocol::FieldSpec;
using protocol::FieldType;

namespace {

/// How much of a name that nobody knows an error message repeats, in bytes.
constexpr std::size_t kShownBytesMax = 64;
constexpr std::string_view kTwinSuffix = "_b64";

}  // namespace

std::string quoted(std::string_view name) {
  const bool cut = name.size() > kShownBytesMax;
  if (cut) {
    std::size_t size = kShownBytesMax;
    while ((static_cast<unsigned char>(name[size]) & 0xC0U) == 0x80)
      --size;  // within a character
    name = name.substr(0, size);
  }
  return '"' + std::string(name) + (cut ? "…\"" : "\"");
}

bool RequestWalk::run() {
  return request(true) && (at_ == end_ || malformed());
}

/// One request, or one op of a batch.
bool RequestWalk::request(bool top) {
  const char* const begin = at_;
  const CommandSpec* command = nullptr;
  Seen seen;
  const std::size_t first = request_.argument_pool().size();
  Progress progress = fields(top, command, seen);
  if (progress == Progress::kNeedsOp) {
    at_ = begin;
    if (!find_op(command)) return false;
    at_ = begin;
    seen = {};
    progress = fields(top, command, seen);
  }
  if (progress != Progress::kDone) return false;
  if (command == nullptr) return invalid("field \"op\" is missing");
  if (!check_groups(*command, seen)) return false;

  auto& pool = request_.argument_pool();
  if (!top) {
    request_.op_pool().push_back({command, static_cast<std::uint32_t>(first),
                                  static_cast<std::uint32_t>(pool.size() - first)});
    return true;
  }
  const std::size_t outer_first = outer_.empty() ? first : pool.size();
  pool.insert(pool.end(), outer_.begin(), outer_.end());
  request_.set_command(*command, static_cast<std::uint32_t>(outer_first),
                       static_cast<std::uint32_t>(pool.size() - outer_first));
  return true;
}

RequestWalk::Progress RequestWalk::fields(bool top, const CommandSpec*& command, Seen& seen) {
  bool needs_op = false;
  const auto member = [&](const Name& name) {
    if (name.text == "op") {
      if (std::exchange(seen.op, true)) return twice(name.text);
      if (!(command == nullptr ? read_op(command) : skip_value())) return false;
      return top || (command->flags & protocol::kBatchable) != 0 ||
             invalid(quoted(command->name) + " cannot stand in a batch");
    }
    if (top && name.text == "id") {
      if (std::exchange(seen.id, true)) return twice(name.text);
      return read_id();
    }
    needs_op = command == nullptr;
    return !needs_op && field(name, *command, seen);
  };
  if (members(member)) return Progress::kDone;
  return needs_op ? Progress::kNeedsOp : Progress::kFailed;
}

/// Where `op` does not come first: looks for it.
bool RequestWalk::find_op(const CommandSpec*& command) {
  bool found = false;
  const auto member = [&](const Name& name) {
    if (name.text != "op") return skip_value();
    found = read_op(command);
    return false;
  };
  if (!members(member)) return found;
  return invalid("field \"op\" is missing");
}

bool RequestWalk::read_op(const CommandSpec*& command) {
  std::string_view name;
  if (!text(Name{"op", std::nullopt, false}, name)) return false;
  command = protocol::find_command(name);
  return command != nullptr || refuse(ErrorCode::kUnknownOp, "unknown op " + quoted(name));
}

bool RequestWalk::read_id() {
  std::string_view id;
  if (!token(id)) return false;
  std::string_view content = id;
  if (id.starts_with('"')) {
    content = id.substr(1, id.size() - 2);
  } else if (read_json_integer(id).kind == JsonInteger::Kind::kNoInteger) {
    return invalid("field \"id\" must be a string or an integer");
  }
  if (content.size() > kRequestIdBytesMax) return over({"id", {}, false}, kRequestIdBytesMax);
  request_.set_id(id);
  return true;
}

bool RequestWalk::check_groups(const CommandSpec& command, const Seen& seen) {
  const CommandLayout& layout = CommandLayout::of(command);
  const auto name_of = [&](std::uint32_t bits) {
    return quoted(field_name(
        CommandLayout::field_at(command, static_cast<std::size_t>(std::countr_zero(bits))).field));
  };
  if (const std::uint32_t missing = layout.required & ~seen.fields; missing != 0) {
    return invalid("field " + name_of(missing) + " is missing");
  }
  for (std::size_t i = 0; i < layout.group_count; ++i) {
    const CommandLayout::Group& group = layout.groups[i];
    const std::uint32_t small = seen.counting & group.small;
    const std::uint32_t capital = seen.counting & group.capital;
    if (std::popcount(small) > 1 || (small != 0 && capital != 0)) {
      const std::uint32_t both = small | capital;
      return invalid("fields " + name_of(both) + " and " + name_of(both & (both - 1)) +
                     " exclude each other");
    }
    if (group.required && ((group.small | group.capital) & seen.fields) == 0) {
      return invalid("field " + name_of(group.small) + " or " +
                     name_of(group.small & (group.small - 1)) + " is missing");
    }
  }
  return true;
}

bool RequestWalk::field(const Name& name, const CommandSpec& command, Seen& seen) {
  const CommandLayout& layout = CommandLayout::of(command);
  if (!name.field) return unknown(name);
  const std::uint8_t position = layout.position[static_cast<std::size_t>(*name.field)];
  if (position == CommandLayout::kNoField) return unknown(name);
  const FieldSpec& spec = CommandLayout::field_at(command, position);
  if (name.twin && spec.type != FieldType::kBytes && spec.type != FieldType::kValue) {
    return unknown(name);
  }
  const std::uint32_t bit = std::uint32_t{1} << position;
  if ((seen.fields & bit) != 0) return again(name, (seen.twins & bit) != 0);
  seen.fields |= bit;
  if (name.twin) seen.twins |= bit;

  // The fields of a batch wait until its ops have added theirs, so that both lie together.
  const bool is_batch = command.id == protocol::CommandId::kBatch;
  Argument& argument = (is_batch ? outer_ : request_.argument_pool()).emplace_back();
  argument.field = spec.field;
  if (!this->argument(name, spec, argument)) return false;
  const bool is_false = spec.type == FieldType::kBool && argument.integer == 0;
  if (!is_false) seen.counting |= bit;
  if (spec.unavailable && !is_false) {
    return refuse(ErrorCode::kUnavailable, "field " + quoted(name.text) + " is not available yet");
  }
  return true;
}

bool RequestWalk::read_name(Name& name) {
  if (peek() != '"') return malformed();
  const char* const begin = at_ + 1;
  const char* end = begin;
  while (end != end_ && *end != '"' && *end != '\\')
    ++end;
  if (end != end_ && *end == '"') [[likely]] {
    name.text = {begin, static_cast<std::size_t>(end - begin)};
    at_ = end + 1;
  } else {
    const JsonScan scan = scan_json_string(at_, end_);
    if (!scan) return malformed();
    at_ = scan.end;
    std::string& text = escaped_names_.emplace_front();
    text.resize(static_cast<std::size_t>(scan.end - 1 - begin));
    text.resize(unescape_json({begin, text.size()}, text.data()));
    name.text = text;
  }
  name.twin = name.text.ends_with(kTwinSuffix);
  name.field = protocol::field_from_name(
      name.twin ? name.text.substr(0, name.text.size() - kTwinSuffix.size()) : name.text);
  skip_space();
  if (peek() != ':') return malformed();
  ++at_;
  skip_space();
  return true;
}

bool RequestWalk::skip_value() {
  const JsonScan scan = scan_json_value(at_, end_, kJsonScanDepthMax);
  at_ = scan.end;
  return scan || malformed();
}

bool RequestWalk::token(std::string_view& out) {
  const char* const begin = at_;
  if (peek() == '"') {
    const JsonScan scan = scan_json_string(begin, end_);
    if (!scan) return malformed();
    at_ = scan.end;
  } else if (peek() != '{' && peek() != '[') {
    while (at_ != end_ && *at_ != ',' && *at_ != '}' && *at_ != ']' && !is_json_space(*at_))
      ++at_;
  }
  out = {begin, static_cast<std::size_t>(at_ - begin)};
  return true;
}

}  // namespace appmem::codecs
