#include "appmem/protocol/command_table.h"

#include <vector>

#include "appmem/base/check.h"
#include "command_rows.h"
#include "name_index.h"

namespace appmem::protocol {
namespace {

struct Table {
  std::vector<CommandSpec> rows;
  NameIndex<256> index;

  Table() {
    rows.reserve(kCommandCount);
    for (const auto part : {key_rows(), namespace_rows(), server_rows()}) {
      rows.insert(rows.end(), part.begin(), part.end());
    }
    APPMEM_CHECK(rows.size() == kCommandCount);
    for (std::size_t i = 0; i < rows.size(); ++i) {
      APPMEM_CHECK(static_cast<std::size_t>(rows[i].id) == i);
      index.add(rows[i].name, static_cast<std::uint16_t>(i));
      for (const std::string_view alias : rows[i].aliases) {
        index.add(alias, static_cast<std::uint16_t>(i));
      }
    }
  }
};

const Table& table() {
  static const Table kTable;
  return kTable;
}

}  // namespace

std::span<const CommandSpec> command_table() {
  return table().rows;
}

const CommandSpec& command_spec(CommandId id) {
  return table().rows[static_cast<std::size_t>(id)];
}

const CommandSpec* find_command(std::string_view name) {
  const Table& all = table();
  const std::uint16_t found = all.index.find(name);
  return found == NameIndex<256>::kNone ? nullptr : &all.rows[found];
}

}  // namespace appmem::protocol
