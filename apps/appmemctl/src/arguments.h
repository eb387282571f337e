#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "subcommand.h"

namespace appmem::ctl {

/// The command line before CLI11 sees it.
struct Arguments {
  /// What CLI11 gets, without the program's name.
  std::vector<std::string> tokens;
  /// The subcommand that is named, where there is one.
  const Subcommand* subcommand = nullptr;
  /// The words that stand where a subcommand's name should.
  std::string words;
};

/// Finds the subcommand, and protects everything that is data from CLI11's own ideas: numbers below
/// zero that look like flags, texts in brackets that it would take for lists, empty values behind
/// an '='. `help WORD` becomes `WORD --help`.
Arguments read_arguments(const std::vector<std::string>& arguments);

/// Stands before data in `tokens`, also before data that begins with it.
inline constexpr char kDataMark = '\x01';

/// Stands before data that came behind a flag's '='. As an argument of its own it is what a switch
/// has been given.
inline constexpr char kEqualsMark = '\x02';

/// Data as it was typed, from what CLI11 gives back.
std::string unprotected(std::string text);

/// Options that stand before or behind any subcommand and take a value.
inline constexpr std::string_view kGlobalOptionsWithValue[] = {
    "-a", "--address", "-n", "--namespace", "--timeout", "--token-file",
};

}  // namespace appmem::ctl
