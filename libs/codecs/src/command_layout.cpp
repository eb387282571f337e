#include "command_layout.h"

#include <algorithm>
#include <vector>

#include "appmem/base/check.h"

namespace appmem::codecs {
namespace {

using protocol::CommandSpec;
using protocol::FieldSpec;

constexpr FieldSpec kNamespaceField{
    protocol::Field::kNs, protocol::FieldType::kText, false, '\0', false, "the namespace", {}};

char lower(char letter) {
  return letter >= 'A' && letter <= 'Z' ? static_cast<char>(letter - 'A' + 'a') : letter;
}

CommandLayout make_layout(const CommandSpec& command) {
  CommandLayout layout;
  layout.position.fill(CommandLayout::kNoField);
  APPMEM_CHECK(command.fields.size() < 32);
  std::array<char, CommandLayout::kGroupsMax> letters{};
  for (std::size_t i = 0; i < command.fields.size(); ++i) {
    const FieldSpec& field = command.fields[i];
    const std::uint32_t bit = std::uint32_t{1} << i;
    layout.position[static_cast<std::size_t>(field.field)] = static_cast<std::uint8_t>(i);
    if (field.one_of == '\0') {
      if (field.required) layout.required |= bit;
      continue;
    }
    const char letter = lower(field.one_of);
    std::size_t group = 0;
    while (group < layout.group_count && letters[group] != letter)
      ++group;
    APPMEM_CHECK(group < CommandLayout::kGroupsMax);
    layout.group_count = std::max(layout.group_count, group + 1);
    letters[group] = letter;
    (field.one_of == letter ? layout.groups[group].small : layout.groups[group].capital) |= bit;
    layout.groups[group].required |= field.required;
  }
  if (command.takes_ns) {
    layout.position[static_cast<std::size_t>(protocol::Field::kNs)] =
        static_cast<std::uint8_t>(command.fields.size());
  }
  return layout;
}

}  // namespace

const CommandLayout& CommandLayout::of(const CommandSpec& command) {
  static const std::vector<CommandLayout> kLayouts = [] {
    std::vector<CommandLayout> all;
    all.reserve(protocol::kCommandCount);
    for (const CommandSpec& row : protocol::command_table())
      all.push_back(make_layout(row));
    return all;
  }();
  return kLayouts[static_cast<std::size_t>(command.id)];
}

const FieldSpec& CommandLayout::field_at(const CommandSpec& command, std::size_t i) {
  return i < command.fields.size() ? command.fields[i] : kNamespaceField;
}

}  // namespace appmem::codecs
