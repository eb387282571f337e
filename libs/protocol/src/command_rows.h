#pragma once

#include <array>
#include <span>
#include <string_view>

#include "appmem/protocol/command_table.h"

/// The rows of the command table, by topic, each part in the order of CommandId, and the words that
/// they are written with.
namespace appmem::protocol {

std::span<const CommandSpec> key_rows();
std::span<const CommandSpec> namespace_rows();
std::span<const CommandSpec> server_rows();

inline constexpr char kNoGroup = '\0';

constexpr FieldSpec required(Field field, FieldType type, std::string_view help) {
  return {field, type, true, kNoGroup, false, help, {}};
}
constexpr FieldSpec optional(Field field, FieldType type, std::string_view help) {
  return {field, type, false, kNoGroup, false, help, {}};
}
constexpr FieldSpec unavailable(Field field, FieldType type, std::string_view help) {
  return {field, type, false, kNoGroup, true, help, {}};
}
/// One of several that stand for each other or against each other; see FieldSpec::one_of.
constexpr FieldSpec one_of(char group, FieldSpec spec) {
  spec.one_of = group;
  return spec;
}
constexpr FieldSpec with_choices(FieldSpec spec, std::span<const std::string_view> choices) {
  spec.choices = choices;
  return spec;
}

}  // namespace appmem::protocol
