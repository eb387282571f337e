#include "appmem/protocol/redis_syntax.h"

#include <algorithm>
#include <cstddef>
#include <span>
#include <utility>

#include "appmem/base/check.h"

namespace appmem::protocol {
namespace {

using Arguments = std::vector<RedisArgument>;
using Type = RedisArgument::Type;

constexpr std::string_view kRepeat = "...";

struct NamedType {
  std::string_view name;
  Type type;
};

/// In the order of Type.
constexpr NamedType kTypes[] = {
    {"string", Type::kString},        {"integer", Type::kInteger},
    {"double", Type::kDouble},        {"key", Type::kKey},
    {"pattern", Type::kPattern},      {"unix-time", Type::kUnixTime},
    {"pure-token", Type::kPureToken}, {"oneof", Type::kOneOf},
    {"block", Type::kBlock},
};

/// Arguments whose type goes without saying.
constexpr NamedType kUsualTypes[] = {
    {"destination", Type::kKey},
    {"key", Type::kKey},
    {"milliseconds", Type::kInteger},
    {"pattern", Type::kPattern},
    {"seconds", Type::kInteger},
    {"source", Type::kKey},
    {"unix-time-milliseconds", Type::kUnixTime},
    {"unix-time-seconds", Type::kUnixTime},
};

const NamedType* find(std::span<const NamedType> types, std::string_view name) {
  const auto found = std::find_if(types.begin(), types.end(),
                                  [&](const NamedType& each) { return each.name == name; });
  return found == types.end() ? nullptr : &*found;
}

bool is_token(std::string_view word) {
  return std::all_of(word.begin(), word.end(),
                     [](char c) { return (c >= 'A' && c <= 'Z') || c == '-'; });
}

RedisArgument argument_of(std::string_view word) {
  RedisArgument argument;
  if (is_token(word)) {
    argument.type = Type::kPureToken;
    argument.token = word;
    for (const char c : word)
      argument.name += c == '-' ? c : static_cast<char>(c - 'A' + 'a');
    return argument;
  }
  const std::size_t mark = word.find('=');
  argument.name = word.substr(0, mark);
  const bool says_type = mark != std::string_view::npos;
  const NamedType* const type =
      says_type ? find(kTypes, word.substr(mark + 1)) : find(kUsualTypes, argument.name);
  APPMEM_CHECK(type != nullptr || !says_type);
  if (type != nullptr) argument.type = type->type;
  return argument;
}

/// Several as one: with the name that Redis gives it, those of its parts.
RedisArgument joined(Type type, Arguments arguments) {
  RedisArgument whole;
  whole.type = type;
  for (const RedisArgument& each : arguments) {
    if (!whole.name.empty()) whole.name += '_';
    whole.name += each.name;
  }
  whole.arguments = std::move(arguments);
  return whole;
}

/// What stands between brackets or bars, as one argument.
RedisArgument as_one(Arguments items) {
  APPMEM_CHECK(!items.empty());
  if (items.size() == 1) return std::move(items.front());
  if (items.front().type != Type::kPureToken) return joined(Type::kBlock, std::move(items));
  std::string token = std::move(items.front().token);
  items.erase(items.begin());
  const RedisArgument& first = items.front();
  const bool takes_it = items.size() == 1 && first.token.empty() && !first.multiple;
  RedisArgument whole =
      takes_it ? std::move(items.front()) : joined(Type::kBlock, std::move(items));
  whole.token = std::move(token);
  return whole;
}

class Reader {
 public:
  explicit Reader(std::string_view syntax) : rest_(syntax) {}

  Arguments read_all() {
    Arguments first = read_items();
    Arguments all = rest_.empty() ? std::move(first) : Arguments{read_choice(std::move(first))};
    APPMEM_CHECK(rest_.empty());
    return all;
  }

 private:
  /// Up to the next bar, closing bracket or end.
  Arguments read_items() {
    Arguments items;
    for (skip_blanks(); !rest_.empty() && !is_next(")]|"); skip_blanks()) {
      if (take('(')) {
        items.push_back(read_choice(read_items()));
        APPMEM_CHECK(take(')'));
        read_name(items.back());
      } else if (take('[')) {
        read_optional(items);
      } else {
        const std::size_t end = std::min(rest_.find_first_of(" ()[]|"), rest_.size());
        items.push_back(argument_of(rest_.substr(0, end)));
        rest_.remove_prefix(end);
      }
    }
    return items;
  }

  /// Goes on behind the first of some alternatives.
  RedisArgument read_choice(Arguments first) {
    Arguments alternatives;
    alternatives.push_back(as_one(std::move(first)));
    while (take('|'))
      alternatives.push_back(as_one(read_items()));
    if (alternatives.size() == 1) return std::move(alternatives.front());
    return joined(Type::kOneOf, std::move(alternatives));
  }

  /// Reads what stands in square brackets: an argument, or that those before it may come again.
  void read_optional(Arguments& before) {
    Arguments items = read_items();
    if (!items.empty() && items.back().name == kRepeat) {
      items.pop_back();
      repeat(before, items);
    } else {
      before.push_back(read_choice(std::move(items)));
      before.back().optional = true;
    }
    APPMEM_CHECK(take(']'));
    read_name(before.back());
  }

  /// Reads the name that may stand behind a closing bracket.
  void read_name(RedisArgument& argument) {
    if (!rest_.starts_with('{')) return;
    const std::size_t end = rest_.find('}');
    APPMEM_CHECK(end != std::string_view::npos);
    argument.name = rest_.substr(1, end - 1);
    rest_.remove_prefix(end + 1);
  }

  static void repeat(Arguments& before, const Arguments& items) {
    APPMEM_CHECK(!items.empty() && before.size() >= items.size());
    const auto begin = before.end() - static_cast<std::ptrdiff_t>(items.size());
    APPMEM_CHECK(std::equal(begin, before.end(), items.begin()));
    before.erase(begin, before.end());
    before.push_back(as_one(items));
    before.back().multiple = true;
  }

  [[nodiscard]] bool is_next(std::string_view any) const {
    return any.find(rest_.front()) != std::string_view::npos;
  }
  bool take(char c) {
    skip_blanks();
    if (!rest_.starts_with(c)) return false;
    rest_.remove_prefix(1);
    return true;
  }
  void skip_blanks() {
    while (rest_.starts_with(' '))
      rest_.remove_prefix(1);
  }

  std::string_view rest_;
};

}  // namespace

std::string_view redis_type_name(RedisArgument::Type type) {
  return kTypes[static_cast<std::size_t>(type)].name;
}

std::vector<RedisArgument> read_redis_syntax(std::string_view syntax) {
  return Reader(syntax).read_all();
}

}  // namespace appmem::protocol
