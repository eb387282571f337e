#include "key_operation.h"

#include <string>

#include "value_form.h"

namespace appmem::commands {

using protocol::CommandId;
using protocol::Field;

KeyOperation key_operation(CommandId command) {
  switch (command) {
    case CommandId::kGet:
      return get_entry;
    case CommandId::kSet:
      return set_entry;
    case CommandId::kDel:
      return delete_entries;
    case CommandId::kExists:
      return count_existing;
    case CommandId::kMget:
      return get_entries;
    case CommandId::kMset:
      return set_entries;
    case CommandId::kIncr:
      return increment_counter;
    case CommandId::kDecr:
      return decrement_counter;
    case CommandId::kAppend:
      return append_to_entry;
    case CommandId::kTtl:
      return read_deadline;
    case CommandId::kExpire:
      return change_deadline;
    case CommandId::kPersist:
      return remove_deadline;
    default:
      return nullptr;
  }
}

Result<void> check_values(core::ValueType type, const protocol::Arguments& args,
                          const protocol::JsonValidator& validator) {
  if (type != core::ValueType::kJson) return {};
  if (const protocol::Argument* value = args.find(Field::kValue)) {
    return check_value(type, value->value, validator);
  }
  if (!args.has(Field::kEntries)) return {};
  std::uint32_t index = 0;
  for (const protocol::EntryArgument& entry : args.entries(Field::kEntries)) {
    if (auto checked = check_value(type, entry.value, validator); !checked) {
      return fail(Error{checked.error().code,
                        "entries[" + std::to_string(index) + "]: " + checked.error().message,
                        index});
    }
    ++index;
  }
  return {};
}

void append_keys(const protocol::Arguments& args, core::NamespaceId ns,
                 std::vector<core::KeyRef>& keys) {
  if (const protocol::Argument* key = args.find(Field::kKey)) {
    keys.push_back({ns, key->bytes});
  } else if (args.has(Field::kKeys)) {
    for (const std::string_view each : args.keys(Field::kKeys))
      keys.push_back({ns, each});
  } else if (args.has(Field::kEntries)) {
    for (const protocol::EntryArgument& each : args.entries(Field::kEntries)) {
      keys.push_back({ns, each.key});
    }
  }
}

}  // namespace appmem::commands
