#include <algorithm>
#include <cerrno>
#include <chrono>

#include <fcntl.h>
#include <unistd.h>

#include "appmem/protocol/error_table.h"
#include "commands.h"
#include "field_flags.h"
#include "input.h"
#include "print.h"

namespace appmem::ctl {
namespace {

using client::JsonItems;
using client::JsonView;
using client::RequestBuilder;
using protocol::Field;
using protocol::kExitDone;
using protocol::kExitLess;

std::string_view name_of(Field field) {
  return protocol::field_name(field);
}

std::vector<std::string_view> views(const std::vector<std::string>& texts) {
  return {texts.begin(), texts.end()};
}

std::uint64_t count_of(const JsonView& answer, Field field) {
  const auto value = answer.find(name_of(field));
  return value ? value->as_unsigned().value_or(0) : 0;
}

bool is_found(const JsonView& answer) {
  const auto found = answer.find(name_of(Field::kFound));
  return found && found->is_true();
}

void print_line(Context& context, std::string_view text) {
  context.out.write(text);
  context.out.write("\n");
}

/// "key: value", or with --raw the value's bytes alone.
void print_keyed(Context& context, std::string_view key, const JsonView& item) {
  const auto value = is_found(item) ? client::value_field(item) : std::nullopt;
  if (context.raw) {
    if (value) context.out.write(value->bytes);
    return;
  }
  context.out.write_stored_in_line(key);
  context.out.write(": ");
  context.out.write_stored_in_line(value ? std::string_view(value->bytes) : kMissing);
  context.out.write("\n");
}

/// Prints the items of list `field`, one for each key.
int show_keyed(Context& context, const std::vector<std::string>& keys, const JsonView& answer,
               Field field) {
  std::size_t i = 0;
  bool all = true;
  for (JsonItems items = items_of(answer, name_of(field)); items.next() && i < keys.size(); ++i) {
    print_keyed(context, keys[i], items.value());
    all = all && is_found(items.value());
  }
  return all ? kExitDone : kExitLess;
}

/// The value that an op returned with --return-old, where it was asked for.
void print_old(Context& context, const Invocation& invocation, const JsonView& answer) {
  if (invocation.find(Field::kReturnOld) == nullptr) return;
  if (const auto old = client::value_field(answer, name_of(Field::kOld))) {
    print_value(context, *old);
  } else {
    print_missing(context);
  }
}

/// A batch of one op for each key, with the same flags.
Result<std::string> batch_of(const Invocation& invocation,
                             const std::vector<std::pair<std::string, std::string>>& pairs,
                             bool with_values) {
  RequestBuilder request(protocol::command_spec(protocol::CommandId::kBatch).name);
  request.begin_list(Field::kOps);
  for (const auto& [key, value] : pairs) {
    request.begin_op(invocation.subcommand->row().name).bytes(Field::kKey, key);
    if (with_values) request.raw_bytes(Field::kValue, value);
    if (auto added = add_flags(request, invocation); !added) return fail(added.error());
    request.end_item();
  }
  request.end_list();
  return request.take();
}

/// Sends the op with `key`, or with `keys` where there are several.
int ask_about_keys(Context& context, const Invocation& invocation, const ShowAnswer& show) {
  Result<RequestBuilder> request = begin_request(invocation);
  if (!request) return report_usage(request.error().message);
  if (invocation.arguments.size() == 1) {
    request->bytes(Field::kKey, invocation.arguments.front());
  } else {
    request->keys(Field::kKeys, views(invocation.arguments));
  }
  return ask(context, request->take(), show);
}

/// Sends the op with the key that is the first argument.
int ask_about_key(Context& context, const Invocation& invocation, const ShowAnswer& show) {
  Result<RequestBuilder> request = begin_request(invocation);
  if (!request) return report_usage(request.error().message);
  request->bytes(Field::kKey, invocation.arguments.front());
  return ask(context, request->take(), show);
}

int ask_mget(Context& context, const std::vector<std::string>& keys) {
  RequestBuilder request(protocol::command_spec(protocol::CommandId::kMget).name);
  request.keys(Field::kKeys, views(keys));
  return ask(context, request.take(), [&](const JsonView& answer) {
    return show_keyed(context, keys, answer, Field::kValues);
  });
}

using Pairs = std::vector<std::pair<std::string, std::string>>;

/// Splits each argument at its first '='; nothing when one has none.
std::optional<Pairs> pairs_of(const std::vector<std::string>& arguments) {
  Pairs pairs;
  for (const std::string& argument : arguments) {
    const std::size_t equals = argument.find('=');
    if (equals == std::string::npos) return std::nullopt;
    pairs.emplace_back(argument.substr(0, equals), argument.substr(equals + 1));
  }
  return pairs;
}

/// One `set`: the op with all its flags.
int set_one(Context& context, const Invocation& invocation, std::string_view key,
            std::string_view value) {
  RequestBuilder request(invocation.subcommand->row().name);
  request.bytes(Field::kKey, key).raw_bytes(Field::kValue, value);
  for (const auto& [field, text] : invocation.fields) {
    if (field->field == Field::kKey || field->field == Field::kValue) continue;
    if (auto added = add_field(request, *field, text); !added) {
      return report_usage(added.error().message);
    }
  }
  return ask(context, request.take(), [&](const JsonView& answer) {
    if (invocation.find(Field::kReturnOld) != nullptr) {
      print_old(context, invocation, answer);
    } else {
      print_line(context, "OK");
    }
    return kExitDone;
  });
}

/// Several pairs in one atomic request: `mset` where its fields suffice, else a batch of `set`.
int set_pairs(Context& context, const Invocation& invocation, const Pairs& pairs) {
  const protocol::CommandSpec& mset = protocol::command_spec(protocol::CommandId::kMset);
  const bool simple =
      std::all_of(invocation.fields.begin(), invocation.fields.end(), [](const auto& field) {
        return field.first->field == Field::kTtlMs || field.first->field == Field::kIfAbsent;
      });
  Result<std::string> line = std::string();
  if (simple) {
    RequestBuilder request(mset.name);
    request.begin_list(Field::kEntries);
    for (const auto& [key, value] : pairs) {
      request.begin_item().bytes(Field::kKey, key).raw_bytes(Field::kValue, value);
      for (const auto& [field, text] : invocation.fields) {
        if (field->field != Field::kTtlMs) continue;
        if (auto added = add_field(request, *field, text); !added) {
          return report_usage(added.error().message);
        }
      }
      request.end_item();
    }
    request.end_list();
    if (invocation.find(Field::kIfAbsent) != nullptr) request.boolean(Field::kIfAbsent, true);
    line = request.take();
  } else {
    line = batch_of(invocation, pairs, true);
    if (!line) return report_usage(line.error().message);
  }
  return ask(context, *line, [&](const JsonView& answer) {
    if (invocation.find(Field::kReturnOld) == nullptr) {
      print_line(context, "OK");
      return kExitDone;
    }
    std::size_t i = 0;
    for (JsonItems items = items_of(answer, name_of(Field::kResults)); items.next(); ++i) {
      const auto old = client::value_field(items.value(), name_of(Field::kOld));
      context.out.write_stored_in_line(pairs[i].first);
      context.out.write(": ");
      context.out.write_stored_in_line(old ? std::string_view(old->bytes) : kMissing);
      context.out.write("\n");
    }
    return kExitDone;
  });
}

}  // namespace

int run_get(Context& context, const Invocation& invocation) {
  if (invocation.arguments.size() > 1) {
    if (invocation.fields.empty()) return ask_mget(context, invocation.arguments);
    Pairs keys;
    for (const std::string& key : invocation.arguments)
      keys.emplace_back(key, std::string());
    const Result<std::string> request = batch_of(invocation, keys, false);
    if (!request) return report_usage(request.error().message);
    return ask(context, *request, [&](const JsonView& answer) {
      return show_keyed(context, invocation.arguments, answer, Field::kResults);
    });
  }
  return ask_about_key(context, invocation, [&](const JsonView& answer) {
    const auto value = is_found(answer) ? client::value_field(answer) : std::nullopt;
    if (!value) {
      print_missing(context);
      return kExitLess;
    }
    print_value(context, *value);
    return kExitDone;
  });
}

int run_mget(Context& context, const Invocation& invocation) {
  return ask_mget(context, invocation.arguments);
}

int run_set(Context& context, const Invocation& invocation) {
  static constexpr std::string_view kHint =
      "write `set KEY VALUE`, `set KEY=VALUE...`, or `set --key KEY --value VALUE` for any bytes";
  const std::vector<std::string>& arguments = invocation.arguments;
  const std::string* key = invocation.find(Field::kKey);
  const std::string* value = invocation.find(Field::kValue);
  const std::string* file = invocation.find_own(kValueFileFlag);
  if (value != nullptr && file != nullptr) {
    return report_usage("--value and --value-file exclude each other", kHint);
  }
  if (key != nullptr || value != nullptr || file != nullptr) {
    const bool named = key != nullptr ? arguments.empty() : arguments.size() == 1;
    if (!named || (value == nullptr && file == nullptr)) {
      return report_usage("--key and --value belong together", kHint);
    }
    const std::string& name = key != nullptr ? *key : arguments.front();
    if (file == nullptr) return set_one(context, invocation, name, *value);
    const Result<std::string> content = read_file(*file);
    if (!content) return report_file(content.error());
    return set_one(context, invocation, name, *content);
  }
  if (arguments.empty()) return report_usage("set needs a key and a value", kHint);
  if (const auto pairs = pairs_of(arguments)) {
    if (pairs->size() > 1) return set_pairs(context, invocation, *pairs);
    return set_one(context, invocation, pairs->front().first, pairs->front().second);
  }
  if (arguments.size() != 2 || arguments[0].find('=') != std::string::npos) {
    return report_usage("it is not clear which of these are keys and which are values", kHint);
  }
  if (arguments[1] != "-") return set_one(context, invocation, arguments[0], arguments[1]);
  const Result<std::string> input = read_all(STDIN_FILENO, "standard input");
  if (!input) return report_file(input.error());
  return set_one(context, invocation, arguments[0], *input);
}

int run_mset(Context& context, const Invocation& invocation) {
  const auto pairs = pairs_of(invocation.arguments);
  if (!pairs) {
    return report_usage("mset takes pairs", "write `mset KEY=VALUE...`");
  }
  Invocation with_ttl = invocation;
  if (const std::string* ttl = invocation.find_own(kTtlFlag)) {
    // A field of each entry, not of the op.
    const auto& set = protocol::command_spec(protocol::CommandId::kSet);
    with_ttl.fields.emplace_back(&field_of(set, Field::kTtlMs), *ttl);
  }
  return set_pairs(context, with_ttl, *pairs);
}

int run_del(Context& context, const Invocation& invocation) {
  for (const Field field : {Field::kIfVersion, Field::kReturnOld}) {
    if (invocation.arguments.size() > 1 && invocation.find(field) != nullptr) {
      return report_usage(flag_of(field_of(invocation.subcommand->row(), field)) +
                          " goes with one key");
    }
  }
  return ask_about_keys(context, invocation, [&](const JsonView& answer) {
    const std::uint64_t deleted = count_of(answer, Field::kDeleted);
    if (invocation.find(Field::kReturnOld) != nullptr) {
      print_old(context, invocation, answer);
    } else {
      print_line(context, std::to_string(deleted));
    }
    return deleted < distinct(invocation.arguments) ? kExitLess : kExitDone;
  });
}

int run_exists(Context& context, const Invocation& invocation) {
  return ask_about_keys(context, invocation, [&](const JsonView& answer) {
    const std::uint64_t count = count_of(answer, Field::kCount);
    print_line(context, std::to_string(count));
    return count < distinct(invocation.arguments) ? kExitLess : kExitDone;
  });
}

int run_counter(Context& context, const Invocation& invocation) {
  return ask_about_key(context, invocation, [&](const JsonView& answer) {
    const auto value = client::value_field(answer);
    print_line(context, value ? value->bytes : "");
    return kExitDone;
  });
}

int run_append(Context& context, const Invocation& invocation) {
  Result<std::string> value = invocation.arguments[1];
  if (*value == "-") {
    value = read_all(STDIN_FILENO, "standard input");
    if (!value) return report_file(value.error());
  }
  Result<RequestBuilder> request = begin_request(invocation);
  if (!request) return report_usage(request.error().message);
  request->bytes(Field::kKey, invocation.arguments[0]).raw_bytes(Field::kValue, *value);
  return ask(context, request->take(), [&](const JsonView& answer) {
    print_line(context, std::to_string(count_of(answer, Field::kLength)));
    return kExitDone;
  });
}

int run_ttl(Context& context, const Invocation& invocation) {
  return ask_about_key(context, invocation, [&](const JsonView& answer) {
    if (!is_found(answer)) {
      print_missing(context);
      return kExitLess;
    }
    const auto left = answer.find(name_of(Field::kTtlMs));
    const auto number = left ? left->as_integer() : std::nullopt;
    if (!number) {
      print_line(context, "never");
    } else if (context.raw) {
      print_line(context, std::to_string(*number));
    } else {
      print_line(context, format_time_left(std::chrono::milliseconds(*number)));
    }
    return kExitDone;
  });
}

int run_expire(Context& context, const Invocation& invocation) {
  const bool has_moment = invocation.find(Field::kExpiresAtMs) != nullptr;
  if (has_moment == (invocation.arguments.size() == 2)) {
    return report_usage("expire needs one point in time",
                        "write `expire KEY 5m` or `expire KEY --expires-at 2027-01-31T12:00:00Z`");
  }
  Result<RequestBuilder> request = begin_request(invocation);
  if (!request) return report_usage(request.error().message);
  request->bytes(Field::kKey, invocation.arguments[0]);
  if (!has_moment) {
    const auto& field = field_of(invocation.subcommand->row(), Field::kTtlMs);
    if (auto added = add_field(*request, field, invocation.arguments[1]); !added) {
      // An argument here, and no flag.
      const std::string& message = added.error().message;
      return report_usage("DURATION" + message.substr(flag_of(field).size()));
    }
  }
  return ask(context, request->take(), [&](const JsonView& answer) {
    if (!is_found(answer)) {
      print_missing(context);
      return kExitLess;
    }
    print_line(context, "OK");
    return kExitDone;
  });
}

int run_persist(Context& context, const Invocation& invocation) {
  return ask_about_key(context, invocation, [&](const JsonView& answer) {
    if (!is_found(answer)) {
      print_missing(context);
      return kExitLess;
    }
    print_line(context, "OK");
    return kExitDone;
  });
}

}  // namespace appmem::ctl
