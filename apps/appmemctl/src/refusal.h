#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string>

#include "subcommand.h"

namespace appmem::ctl {

/// A refusal's message in the words of the command line rather than of the wire: fields that are
/// flags of `subcommand` become these ("limit must be..." is "--limit must be..."), settings of a
/// namespace `--max-bytes`, and the position in a list that of an argument, with its key ("keys[1]:
/// " is "argument 2 (cake): "). `arguments`: those of the subcommand, each a key or KEY=VALUE.
std::string in_words_of(const Subcommand& subcommand, std::string message,
                        std::span<const std::string> arguments = {});

/// A message without the request on the wire that it shows as an example.
std::string without_wire_example(std::string message);

/// The same as in_words_of where there are no flags: in the shell.
std::string in_plain_words(std::string message);

/// Takes the position in a list, such as "ops[3]: ", off the front of a message. Nothing when it
/// does not begin with one.
std::optional<std::size_t> take_position(std::string& message);

}  // namespace appmem::ctl
