#pragma once

#include <cstddef>
#include <optional>
#include <string>

#include "subcommand.h"

namespace appmem::ctl {

/// A refusal's message in the words of the command line rather than of the wire: fields that are
/// flags of `subcommand` become these ("limit must be..." is "--limit must be..."), settings of a
/// namespace `--max-bytes`, and the position in a list that of an argument ("keys[1]: " is
/// "argument 2: ").
std::string in_words_of(const Subcommand& subcommand, std::string message);

/// The same where there are no flags: in the shell.
std::string in_plain_words(std::string message);

/// Takes the position in a list, such as "ops[3]: ", off the front of a message. Nothing when it
/// does not begin with one.
std::optional<std::size_t> take_position(std::string& message);

}  // namespace appmem::ctl
