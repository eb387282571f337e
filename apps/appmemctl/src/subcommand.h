#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "appmem/protocol/command_table.h"
#include "context.h"

namespace appmem::ctl {

struct Subcommand;

/// A subcommand as it was typed.
struct Invocation {
  const Subcommand* subcommand = nullptr;
  /// What is no flag, in order.
  std::vector<std::string> arguments;
  /// Flags that stand for fields of the op, in the order of the row; the text of a switch is empty.
  std::vector<std::pair<const protocol::FieldSpec*, std::string>> fields;
  /// Flags of the subcommand itself, by their name without dashes.
  std::vector<std::pair<std::string_view, std::string>> own_flags;

  [[nodiscard]] const std::string* find(protocol::Field field) const;
  [[nodiscard]] const std::string* find_own(std::string_view name) const;
};

/// A flag that is no field of an op.
struct OwnFlag {
  std::string_view name;        // without dashes
  std::string_view value_name;  // empty: a switch
  std::string_view help;
};

/// Everything that is known about a subcommand; help, completion and parsing come from it.
struct Subcommand {
  std::string_view name;  // "ns create"
  /// The op whose summary it has and whose fields are its flags; nothing for one of its own.
  std::optional<protocol::CommandId> op;
  std::string_view summary;    // where the op has none to give
  std::string_view arguments;  // "KEY [VALUE]", for help
  std::size_t arguments_min = 0;
  std::size_t arguments_max = 0;
  /// Fields that are given as arguments, and so are no flags.
  std::span<const protocol::Field> positional;
  std::span<const OwnFlag> own_flags;
  std::string_view example;
  int (*run)(Context&, const Invocation&) = nullptr;

  [[nodiscard]] std::string_view help() const;
  /// The op's row. Precondition: `op`.
  [[nodiscard]] const protocol::CommandSpec& row() const { return protocol::command_spec(*op); }
  /// Fields that are flags, in the order of the row.
  [[nodiscard]] std::vector<const protocol::FieldSpec*> flag_fields() const;
};

inline constexpr std::size_t kArgumentsMax = kRequestKeysMax;

/// All of them, in the order in which help lists them.
std::span<const Subcommand> subcommands();
/// Folders of subcommands ("ns") and what they are about.
std::span<const std::pair<std::string_view, std::string_view>> subcommand_groups();

/// The request of an invocation so far: the op, and the fields given as flags.
/// Errors: kInvalidRequest, for a usage message.
Result<client::RequestBuilder> begin_request(const Invocation& invocation);
/// Whether the flags may stand together, as the row says of their fields. Errors: kInvalidRequest,
/// naming two flags that may not, for a usage message. Bounds that leave nothing are two as well.
Result<void> check_flags(const Invocation& invocation);
/// Adds the flags' fields to a request, or to an item of one.
Result<void> add_flags(client::RequestBuilder& request, const Invocation& invocation);

}  // namespace appmem::ctl
