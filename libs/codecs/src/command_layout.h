#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "appmem/protocol/command_table.h"

namespace appmem::codecs {

/// What a decoder asks of a row of the command table, laid out for asking: which of the command's
/// fields a Field is, and sets of fields as bits (bit i is fields[i]; `ns` is the one behind them).
struct CommandLayout {
  static constexpr std::uint8_t kNoField = 0xFF;
  static constexpr std::size_t kGroupsMax = 3;

  struct Group {
    std::uint32_t small = 0;    // exclude each other and the capitals
    std::uint32_t capital = 0;  // exclude the small ones
    bool required = false;
  };

  std::array<std::uint8_t, protocol::kFieldCount> position{};
  std::uint32_t required = 0;  // outside groups
  std::array<Group, kGroupsMax> groups{};
  std::size_t group_count = 0;

  /// The layout of a command. Static storage.
  static const CommandLayout& of(const protocol::CommandSpec& command);
  /// The field at a position of `command`.
  static const protocol::FieldSpec& field_at(const protocol::CommandSpec& command, std::size_t i);
};

}  // namespace appmem::codecs
