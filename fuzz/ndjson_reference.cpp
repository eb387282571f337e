#include "ndjson_reference.h"

#include <algorithm>
#include <charconv>
#include <map>
#include <set>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

#include "appmem/base/limits.h"
#include "appmem/protocol/command_table.h"

namespace appmem::reference {
namespace {

using nlohmann::json;
using protocol::CommandSpec;
using protocol::FieldSpec;
using protocol::FieldType;

/// Stands before the text of a number, which is parsed as a string: nlohmann/json refuses numbers
/// that no double holds, and forgets how a number was written.
constexpr std::string_view kNumberMark = "\xF4\x8F\xBF\xBF#";

struct Member;

struct Node {
  enum class Kind : std::uint8_t { kWord, kNumber, kString, kList, kObject };
  Kind kind = Kind::kWord;
  std::string text;             // a word's, a number's, a string's
  std::vector<Member> members;  // of a list with empty names

  [[nodiscard]] bool is_string() const { return kind == Kind::kString; }
  [[nodiscard]] std::size_t depth() const;
  /// The same for texts that mean the same.
  [[nodiscard]] std::string canonical() const;
};

struct Member {
  std::string name;
  Node node;
};

std::size_t Node::depth() const {
  if (kind != Kind::kList && kind != Kind::kObject) return 0;
  std::size_t deepest = 0;
  for (const auto& [name, node] : members) {
    deepest = std::max(deepest, node.depth());
  }
  return deepest + 1;
}

std::string Node::canonical() const {
  if (kind == Kind::kWord || kind == Kind::kNumber) return text;
  if (kind == Kind::kString) return json(text).dump();
  const bool object = kind == Kind::kObject;
  std::string all(1, object ? '{' : '[');
  for (const auto& [name, node] : members) {
    if (object) all += json(name).dump() + ':';
    all += node.canonical() + ',';
  }
  return all + (object ? '}' : ']');
}

/// Builds a Node; keeps fields that come twice.
class TreeBuilder final : public nlohmann::json_sax<json> {
 public:
  explicit TreeBuilder(Node& root) : open_{&root} { root = {}; }

  bool null() override { return add({Node::Kind::kWord, "null", {}}); }
  bool boolean(bool value) override {
    return add({Node::Kind::kWord, value ? "true" : "false", {}});
  }
  bool number_integer(number_integer_t /*value*/) override { return false; }
  bool number_unsigned(number_unsigned_t /*value*/) override { return false; }
  bool number_float(number_float_t /*value*/, const string_t& /*text*/) override { return false; }
  bool string(string_t& value) override {
    if (value.starts_with(kNumberMark)) {
      return add({Node::Kind::kNumber, value.substr(kNumberMark.size()), {}});
    }
    return add({Node::Kind::kString, value, {}});
  }
  bool binary(binary_t& /*value*/) override { return false; }
  bool start_object(std::size_t /*elements*/) override { return begin(Node::Kind::kObject); }
  bool key(string_t& value) override {
    key_ = value;
    return !value.starts_with(kNumberMark);
  }
  bool end_object() override { return end(); }
  bool start_array(std::size_t /*elements*/) override { return begin(Node::Kind::kList); }
  bool end_array() override { return end(); }
  bool parse_error(std::size_t /*position*/, const std::string& /*token*/,
                   const nlohmann::detail::exception& /*error*/) override {
    return false;
  }

 private:
  bool add(Node node) {
    if (open_.size() == 1 && !began_) {
      began_ = true;
      *open_.back() = std::move(node);
    } else {
      open_.back()->members.push_back({std::exchange(key_, {}), std::move(node)});
    }
    return true;
  }
  bool begin(Node::Kind kind) {
    const bool root = !began_;
    add({kind, {}, {}});
    // Growing `members` moves only nodes that are complete: those open are the last of theirs.
    open_.push_back(root ? open_.back() : &open_.back()->members.back().node);
    return true;
  }
  bool end() {
    open_.pop_back();
    return true;
  }

  std::vector<Node*> open_;
  std::string key_;
  bool began_ = false;
};

/// By the letter of RFC 8259: [ minus ] int [ frac ] [ exp ].
bool is_number(std::string_view text) {
  const auto digits = [&text] {
    const std::size_t count = std::min(text.find_first_not_of("0123456789"), text.size());
    text.remove_prefix(count);
    return count;
  };
  if (text.starts_with('-')) text.remove_prefix(1);
  const bool zero = text.starts_with('0');
  const std::size_t integer = digits();
  if (integer == 0 || (zero && integer > 1)) return false;
  if (text.starts_with('.')) {
    text.remove_prefix(1);
    if (digits() == 0) return false;
  }
  if (text.starts_with('e') || text.starts_with('E')) {
    text.remove_prefix(1);
    if (text.starts_with('+') || text.starts_with('-')) text.remove_prefix(1);
    if (digits() == 0) return false;
  }
  return text.empty();
}

/// Writes numbers outside of strings as marked strings. Nothing when the mark is in the text.
std::optional<std::string> with_marked_numbers(std::string_view text) {
  if (text.find(kNumberMark) != std::string_view::npos) return std::nullopt;
  std::string out;
  out.reserve(2 * text.size());
  for (std::size_t i = 0; i < text.size();) {
    if (text[i] == '"') {
      const std::size_t begin = i++;
      while (i < text.size() && text[i] != '"')
        i += text[i] == '\\' ? 2U : 1U;
      i = std::min(i + 1, text.size());
      out += text.substr(begin, i - begin);
      continue;
    }
    const std::size_t end = std::min(text.find_first_not_of("0123456789+-.eE", i), text.size());
    const std::string run(text.substr(i, end - i));
    const bool part_of_word = i > 0 && std::isalpha(static_cast<unsigned char>(text[i - 1])) != 0;
    if (!part_of_word && is_number(run)) {
      out += '"';
      out += kNumberMark;
      out += run;
      out += '"';
      i = end;
    } else {
      const std::size_t next = text.find_first_of("\"0123456789+-.eE", i + 1);
      out += text.substr(i, next - i);
      i = std::min(next, text.size());
    }
  }
  return out;
}

std::optional<Node> parse(std::string_view text) {
  // nlohmann/json skips a byte order mark and takes a zero byte for the end.
  if (text.starts_with("\xEF\xBB\xBF") || text.find('\0') != std::string_view::npos) {
    return std::nullopt;
  }
  const auto marked = with_marked_numbers(text);
  if (!marked) return std::nullopt;
  Node root;
  TreeBuilder builder(root);
  if (!json::sax_parse(*marked, &builder)) return std::nullopt;
  return root;
}

struct Failure {
  ErrorCode code = ErrorCode::kInternal;
  std::optional<std::uint32_t> index = std::nullopt;
};

[[noreturn]] void fail(ErrorCode code = ErrorCode::kInvalidRequest) {
  throw Failure{code};
}

template <typename Body>
void at_index(std::size_t index, Body body) {
  try {
    body();
  } catch (Failure& failure) {
    throw Failure{failure.code, static_cast<std::uint32_t>(index)};
  }
}

std::string base64(std::string_view text) {
  constexpr std::string_view kAlphabet =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  if (text.size() % 4 != 0) fail();
  std::string bits;
  const std::size_t padding = text.ends_with("==") ? 2 : text.ends_with('=') ? 1 : 0;
  for (const char c : text.substr(0, text.size() - padding)) {
    const std::size_t value = kAlphabet.find(c);
    if (value == std::string_view::npos) fail();
    for (unsigned bit = 6; bit-- > 0;)
      bits += (value >> bit & 1U) != 0 ? '1' : '0';
  }
  std::string bytes;
  for (; bits.size() >= 8; bits.erase(0, 8)) {
    bytes += static_cast<char>(std::stoi(bits.substr(0, 8), nullptr, 2));
  }
  if (bits.find('1') != std::string::npos) fail();
  return bytes;
}

bool is_integer(const Node& node) {
  return node.kind == Node::Kind::kNumber && node.text.find_first_of(".eE") == std::string::npos;
}

std::optional<std::int64_t> fitting(const Node& node) {
  std::int64_t value = 0;
  if (!is_integer(node)) return std::nullopt;
  const char* const end = node.text.data() + node.text.size();
  if (std::from_chars(node.text.data(), end, value).ec != std::errc{}) return std::nullopt;
  return value;
}

std::string of_bytes(std::string_view bytes) {
  std::string out = std::to_string(bytes.size()) + ':';
  out += bytes;
  return out;
}

std::string of_document(std::string_view text) {
  const auto node = parse(text);
  return "document " + (node ? node->canonical() : "MALFORMED " + std::string(text));
}

std::string of_value(const ValueView& value, std::string_view json_text) {
  switch (value.kind) {
    case ValueKind::kInteger:
      return "integer " + std::to_string(value.integer) + ' ' + std::string(json_text);
    case ValueKind::kJson:
      return of_document(value.bytes) + (value.bytes == json_text ? "" : " and another text");
    case ValueKind::kBytes:
      break;
  }
  const auto node = json_text.empty() ? std::nullopt : parse(json_text);
  return "bytes " + of_bytes(value.bytes) + (node ? " as " + of_bytes(node->text) : "");
}

std::string bytes_of(const Node& node, bool twin) {
  if (!node.is_string()) fail();
  std::string bytes = twin ? base64(node.text) : node.text;
  if (bytes.size() > kKeyBytesMax) fail(ErrorCode::kTooLarge);
  return bytes;
}

std::string value_of(const Node& node, bool twin) {
  if (twin) return "bytes " + of_bytes(node.is_string() ? base64(node.text) : (fail(), ""));
  if (node.is_string()) return "bytes " + of_bytes(node.text) + " as " + of_bytes(node.text);
  if (const auto integer = fitting(node)) {
    return "integer " + std::to_string(*integer) + ' ' + node.text;
  }
  if (node.depth() > kJsonDepthMax) fail(ErrorCode::kTooLarge);
  return "document " + node.canonical();
}

std::string integer_of(const Node& node, std::int64_t min, std::int64_t max, bool or_null) {
  if (or_null && node.kind == Node::Kind::kWord && node.text == "null") return "null";
  const auto integer = fitting(node);
  if (!integer || *integer < min || *integer > max) fail();
  return std::to_string(*integer);
}

std::string key_of(const Node& node) {
  if (node.kind != Node::Kind::kObject) return bytes_of(node, false);
  std::string key;
  bool found = false;
  for (const auto& [name, value] : node.members) {
    if (name != "b64" || std::exchange(found, true)) fail();
    key = bytes_of(value, true);
  }
  return found ? key : (fail(), "");
}

class Decoder {
 public:
  std::string request(const Node& node, bool top);

 private:
  std::string field(const FieldSpec& spec, const Node& node, bool twin, bool& is_false);
  std::string list(const FieldSpec& spec, const Node& node);
  std::string entry(const Node& node);
  void check_groups(const CommandSpec& command, const std::set<protocol::Field>& seen,
                    const std::set<protocol::Field>& counting);

  std::size_t keys_ = 0;
};

std::string Decoder::entry(const Node& node) {
  std::optional<std::string> key;
  std::optional<std::string> value;
  std::optional<std::string> ttl;
  for (const auto& [name, each] : node.members) {
    if (name == "key" || name == "key_b64") {
      if (key) fail();
      key = bytes_of(each, name != "key");
    } else if (name == "value" || name == "value_b64") {
      if (value) fail();
      value = value_of(each, name != "value");
    } else if (name == "ttl_ms") {
      if (ttl) fail();
      ttl = integer_of(each, 1, kTtlMax.count(), true);
    } else {
      fail();
    }
  }
  if (!key || !value) fail();
  return of_bytes(*key) + '=' + *value + " ttl " + (ttl == "null" ? "0" : ttl.value_or("none"));
}

std::string Decoder::list(const FieldSpec& spec, const Node& node) {
  if (node.kind != Node::Kind::kList) fail();
  std::string all;
  std::size_t index = 0;
  for (const auto& [name, item] : node.members) {
    if (spec.type != FieldType::kOpList && ++keys_ > kRequestKeysMax) fail(ErrorCode::kTooLarge);
    if (spec.type == FieldType::kOpList && index == kBatchOpsMax) fail(ErrorCode::kTooLarge);
    if (spec.type != FieldType::kKeyList && item.kind != Node::Kind::kObject) fail();
    at_index(index++, [&, &each = item] {
      switch (spec.type) {
        case FieldType::kKeyList:
          all += of_bytes(key_of(each)) + ',';
          break;
        case FieldType::kEntryList:
          all += entry(each) + ',';
          break;
        default:
          all += request(each, false) + ';';
          break;
      }
    });
  }
  return all;
}

std::string Decoder::field(const FieldSpec& spec, const Node& node, bool twin, bool& is_false) {
  constexpr std::int64_t kMax = INT64_MAX;
  const auto text_of = [&](std::size_t limit) {
    if (!node.is_string()) fail();
    if (node.text.size() > limit) fail(ErrorCode::kTooLarge);
    return of_bytes(node.text);
  };
  switch (spec.type) {
    case FieldType::kBytes:
      return of_bytes(bytes_of(node, twin));
    case FieldType::kText: {
      std::string text = text_of(protocol::kTextBytesMax);
      if (!spec.choices.empty() &&
          std::count(spec.choices.begin(), spec.choices.end(), node.text) == 0) {
        fail();
      }
      return text;
    }
    case FieldType::kValue:
      return value_of(node, twin);
    case FieldType::kBool:
      if (node.kind != Node::Kind::kWord || node.text == "null") fail();
      is_false = node.text == "false";
      return is_false ? "0" : "1";
    case FieldType::kInteger:
      return integer_of(node, INT64_MIN, kMax, false);
    case FieldType::kUnsigned:
      return integer_of(node, 0, kMax, false);
    case FieldType::kMillis:
      return integer_of(node, 1, kTtlMax.count(), false);
    case FieldType::kTtl:
      return integer_of(node, 1, kTtlMax.count(), true);
    case FieldType::kMaximum:
      return integer_of(node, 1, kMax, true);
    case FieldType::kCursor:
      if (node.kind == Node::Kind::kWord && node.text == "null") return "null";
      if (node.is_string()) return text_of(protocol::kCursorBytesMax);
      if (!is_integer(node) || node.text.size() > 20) fail();
      return of_bytes(node.text);
    case FieldType::kKeyList:
    case FieldType::kEntryList:
    case FieldType::kOpList:
      return list(spec, node);
  }
  fail();
}

void Decoder::check_groups(const CommandSpec& command, const std::set<protocol::Field>& seen,
                           const std::set<protocol::Field>& counting) {
  for (const FieldSpec& spec : command.fields) {
    if (spec.one_of == '\0') {
      if (spec.required && seen.count(spec.field) == 0) fail();
      continue;
    }
    bool one_present = false;
    for (const FieldSpec& other : command.fields) {
      if (std::tolower(other.one_of) != std::tolower(spec.one_of)) continue;
      one_present = one_present || seen.count(other.field) != 0;
      const bool both = counting.count(spec.field) != 0 && counting.count(other.field) != 0;
      const bool both_capital = std::isupper(spec.one_of) != 0 && spec.one_of == other.one_of;
      if (both && spec.field != other.field && !both_capital) fail();
    }
    if (spec.required && !one_present) fail();
  }
}

std::string Decoder::request(const Node& node, bool top) {
  const CommandSpec* command = nullptr;
  std::string id;
  std::map<std::string, std::string> arguments;
  std::set<std::string> special;
  std::set<protocol::Field> seen;
  std::set<protocol::Field> counting;
  const auto find_op = [&] {
    const auto op = std::find_if(node.members.begin(), node.members.end(),
                                 [](const auto& member) { return member.name == "op"; });
    if (op == node.members.end() || !op->node.is_string()) fail();
    command = protocol::find_command(op->node.text);
    if (command == nullptr) fail(ErrorCode::kUnknownOp);
  };
  for (const auto& [name, value] : node.members) {
    if (name == "op") {
      if (!special.insert(name).second) fail();
      if (command == nullptr) find_op();
      if (!top && (command->flags & protocol::kBatchable) == 0) fail();
      continue;
    }
    if (top && name == "id") {
      if (!special.insert(name).second) fail();
      if (!value.is_string() && !is_integer(value)) fail();
      id = value.is_string() ? json(value.text).dump() : value.text;
      continue;
    }
    if (command == nullptr) find_op();
    const bool has_suffix = name.ends_with("_b64");
    const auto known =
        protocol::field_from_name(has_suffix ? name.substr(0, name.size() - 4) : name);
    if (!known) fail();
    FieldSpec spec{protocol::Field::kNs, FieldType::kText, false, '\0', false, {}, {}};
    if (*known != protocol::Field::kNs || !command->takes_ns) {
      const auto found = std::find_if(command->fields.begin(), command->fields.end(),
                                      [&](const FieldSpec& each) { return each.field == *known; });
      if (found == command->fields.end()) fail();
      spec = *found;
    }
    if (has_suffix && spec.type != FieldType::kBytes && spec.type != FieldType::kValue) fail();
    if (!seen.insert(spec.field).second) fail();
    bool is_false = false;
    std::string text = field(spec, value, has_suffix, is_false);
    if (!is_false) counting.insert(spec.field);
    if (spec.unavailable && !is_false) fail(ErrorCode::kUnavailable);
    arguments[std::string(field_name(spec.field))] = std::move(text);
  }
  if (command == nullptr) fail();
  check_groups(*command, seen, counting);
  std::string all = std::string(command->name) + " id " + id;
  for (const auto& [name, text] : arguments) {
    all.append(" ").append(name).append("(").append(text).append(")");
  }
  return all;
}

/// The text of one argument of the real decoder's.
std::string describe_argument(const protocol::Request& request, const protocol::Arguments& args,
                              const protocol::Argument& argument);

std::string describe_arguments(const protocol::Request& request, const protocol::Arguments& args,
                               std::string_view id) {
  std::map<std::string, std::string> arguments;
  for (const protocol::Argument& argument : args.all()) {
    arguments[std::string(field_name(argument.field))] = describe_argument(request, args, argument);
  }
  const auto id_node = id.empty() ? std::nullopt : parse(id);
  std::string all =
      std::string(args.command().name) + " id " + (id_node ? id_node->canonical() : "");
  for (const auto& [name, text] : arguments) {
    all.append(" ").append(name).append("(").append(text).append(")");
  }
  return all;
}

std::string describe_argument(const protocol::Request& request, const protocol::Arguments& args,
                              const protocol::Argument& argument) {
  const auto& fields = args.command().fields;
  const auto spec = std::find_if(fields.begin(), fields.end(),
                                 [&](const FieldSpec& f) { return f.field == argument.field; });
  const FieldType type = spec == fields.end() ? FieldType::kText : spec->type;
  std::string all;
  switch (type) {
    case FieldType::kBytes:
    case FieldType::kText:
      return of_bytes(argument.bytes);
    case FieldType::kValue:
      return of_value(argument.value.view, argument.value.json_text);
    case FieldType::kCursor:
      return argument.null ? "null" : of_bytes(argument.bytes);
    case FieldType::kKeyList:
      for (const std::string_view key : args.keys(argument.field))
        all += of_bytes(key) + ',';
      return all;
    case FieldType::kEntryList:
      for (const auto& entry : args.entries(argument.field)) {
        all += of_bytes(entry.key) + '=' + of_value(entry.value.view, entry.value.json_text) +
               " ttl " + (entry.ttl_ms ? std::to_string(*entry.ttl_ms) : "none") + ',';
      }
      return all;
    case FieldType::kOpList:
      for (std::size_t i = 0; i < request.op_count(); ++i) {
        all += describe_arguments(request, request.op(i), {}) + ';';
      }
      return all;
    default:
      return argument.null ? "null" : std::to_string(argument.integer);
  }
}

}  // namespace

Decoded decode(std::string_view line) {
  const auto node = parse(line);
  if (!node) return {ErrorCode::kInvalidJson, std::nullopt, {}};
  if (node->kind != Node::Kind::kObject) return {ErrorCode::kInvalidRequest, std::nullopt, {}};
  try {
    return {std::nullopt, std::nullopt, Decoder().request(*node, true)};
  } catch (const Failure& failure) {
    return {failure.code, failure.index, {}};
  }
}

Decoded describe(const protocol::Request& request) {
  return {std::nullopt, std::nullopt,
          describe_arguments(request, request.arguments(), request.id())};
}

bool is_json(std::string_view text) {
  return parse(text).has_value();
}

std::size_t nesting(std::string_view text) {
  std::size_t depth = 0;
  std::size_t deepest = 0;
  bool in_string = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (c == '\\' && in_string) {
      ++i;
    } else if (c == '"') {
      in_string = !in_string;
    } else if (!in_string && (c == '[' || c == '{')) {
      deepest = std::max(deepest, ++depth);
    } else if (!in_string && (c == ']' || c == '}') && depth > 0) {
      --depth;
    }
  }
  return deepest;
}

}  // namespace appmem::reference
