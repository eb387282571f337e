#include "request_walk.h"

#include <algorithm>
#include <cstring>

#include "appmem/base/limits.h"
#include "appmem/protocol/codec.h"
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

static_assert(protocol::kInputPadding >= simdjson::SIMDJSON_PADDING);

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
  arena_.begin(line_.size());
  outer_.clear();
  if (parser_.capacity() < line_.size() &&
      parser_.allocate(std::bit_ceil(std::max<std::size_t>(line_.size(), 4_KiB)))) {
    return refuse(ErrorCode::kOutOfMemory, "no memory to parse this request");
  }
  od::document document;
  od::object object;
  if (parser_
          .iterate(simdjson::padded_string_view(line_.data(), line_.size(),
                                                line_.size() + protocol::kInputPadding))
          .get(document)) {
    return malformed();
  }
  if (document.get_object().get(object)) return malformed();
  if (!request(object, true)) return false;
  return document.current_location().error() == simdjson::OUT_OF_BOUNDS || malformed();
}

/// One request, or one op of a batch.
bool RequestWalk::request(od::object& object, bool top) {
  const CommandSpec* command = nullptr;
  Seen seen;
  const std::size_t first = request_.argument_pool().size();
  Progress progress = fields(object, top, command, seen);
  if (progress == Progress::kNeedsOp) {
    if (!find_op(object, command)) return false;
    if (object.reset().error()) return malformed();
    seen = {};
    progress = fields(object, top, command, seen);
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

RequestWalk::Progress RequestWalk::fields(od::object& object, bool top, const CommandSpec*& command,
                                          Seen& seen) {
  for (auto result : object) {
    od::field each;
    Name name;
    if (std::move(result).get(each)) {
      malformed();
      return Progress::kFailed;
    }
    if (!read_name(each, name)) return Progress::kFailed;
    od::value& value = each.value();
    if (name.text == "op") {
      if (std::exchange(seen.op, true)) {
        twice(name.text);
        return Progress::kFailed;
      }
      if (command == nullptr && !read_op(value, command)) return Progress::kFailed;
      if (!top && (command->flags & protocol::kBatchable) == 0) {
        invalid(quoted(command->name) + " cannot stand in a batch");
        return Progress::kFailed;
      }
    } else if (top && name.text == "id") {
      if (std::exchange(seen.id, true)) {
        twice(name.text);
        return Progress::kFailed;
      }
      if (!read_id(value)) return Progress::kFailed;
    } else {
      if (command == nullptr) return Progress::kNeedsOp;
      if (!field(value, name, *command, seen)) return Progress::kFailed;
    }
  }
  return Progress::kDone;
}

/// Where `op` does not come first: looks for it.
bool RequestWalk::find_op(od::object& object, const CommandSpec*& command) {
  if (object.reset().error()) return malformed();
  for (auto result : object) {
    od::field each;
    Name name;
    if (std::move(result).get(each)) return malformed();
    if (!read_name(each, name)) return false;
    if (name.text == "op") return read_op(each.value(), command);
  }
  return invalid("field \"op\" is missing");
}

bool RequestWalk::read_op(od::value& value, const CommandSpec*& command) {
  std::string_view name;
  if (!text(value, Name{"op", std::nullopt, false}, name)) return false;
  command = protocol::find_command(name);
  return command != nullptr || refuse(ErrorCode::kUnknownOp, "unknown op " + quoted(name));
}

bool RequestWalk::read_id(od::value& value) {
  const std::string_view id = token(value);
  std::string_view content = id;
  if (id.starts_with('"')) {
    if (value.get_raw_json_string().error() || id.size() < 2 ||
        !scan_json_string(id.data(), id.data() + id.size())) {
      return malformed();
    }
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

bool RequestWalk::field(od::value& value, const Name& name, const CommandSpec& command,
                        Seen& seen) {
  const CommandLayout& layout = CommandLayout::of(command);
  if (!name.field) return unknown(name);
  const std::uint8_t position = layout.position[static_cast<std::size_t>(*name.field)];
  if (position == CommandLayout::kNoField) return unknown(name);
  const FieldSpec& spec = CommandLayout::field_at(command, position);
  if (name.twin && spec.type != FieldType::kBytes && spec.type != FieldType::kValue) {
    return unknown(name);
  }
  const std::uint32_t bit = std::uint32_t{1} << position;
  if ((seen.fields & bit) != 0) return twice(field_name(spec.field));
  seen.fields |= bit;

  // The fields of a batch wait until its ops have added theirs, so that both lie together.
  const bool is_batch = command.id == protocol::CommandId::kBatch;
  Argument& argument = (is_batch ? outer_ : request_.argument_pool()).emplace_back();
  argument.field = spec.field;
  if (!this->argument(value, name, spec, argument)) return false;
  const bool is_false = spec.type == FieldType::kBool && argument.integer == 0;
  if (!is_false) seen.counting |= bit;
  if (spec.unavailable && !is_false) {
    return refuse(ErrorCode::kUnavailable, "field " + quoted(name.text) + " is not available yet");
  }
  return true;
}

bool RequestWalk::read_name(od::field& field, Name& name) {
  const char* const begin = field.key().raw();
  const char* end = begin;
  while (*end != '"' && *end != '\\')
    ++end;
  if (*end == '"') [[likely]] {
    name.text = {begin, static_cast<std::size_t>(end - begin)};
  } else {
    const JsonScan scan = scan_json_string(begin - 1, line_.data() + line_.size());
    if (!scan) return malformed();
    std::string& text = escaped_names_.emplace_front();
    text.resize(static_cast<std::size_t>(scan.end - 1 - begin));
    text.resize(unescape_json({begin, text.size()}, text.data()));
    name.text = text;
  }
  name.twin = name.text.ends_with(kTwinSuffix);
  name.field = protocol::field_from_name(
      name.twin ? name.text.substr(0, name.text.size() - kTwinSuffix.size()) : name.text);
  return true;
}

}  // namespace appmem::codecs
