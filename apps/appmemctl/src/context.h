#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "appmem/client/client.h"
#include "output.h"

namespace appmem::ctl {

/// What every subcommand shares: the options that stand before or behind any of them, the store and
/// standard output.
struct Context {
  client::ClientOptions options;
  /// Print the answers' lines.
  bool json = false;
  /// `options.timeout` was asked for.
  bool timeout_given = false;
  /// Print bytes and nothing else.
  bool raw = false;
  Output out{1};
  /// Puts what the store refuses into the words of what was typed. May be empty.
  std::function<std::string(std::string)> reword;

  /// Opens the store at the first call.
  Result<client::Client*> client();

 private:
  std::optional<client::Client> client_;
};

/// Shows an answer that is no error and returns the exit code.
using ShowAnswer = std::function<int(const client::JsonView&)>;

/// Sends one request. With --json its answer's line is printed and `show` only decides on the exit
/// code; otherwise `show` prints. Errors go to standard error. Returns the exit code.
int ask(Context& context, const std::string& request, const ShowAnswer& show);

/// As the later half of `ask`, for an answer that is here already. `where` begins the message of an
/// error.
int show_answer(Context& context, const std::string& line, const ShowAnswer& show,
                const std::string& where = {});

/// Prints one line on standard error: an error that the store answered with, or what kept it from
/// answering. Returns the exit code.
int report_answer_error(const Error& error);
int report_client_error(const Error& error);
/// A command line that cannot be understood. `hint` says what to do instead.
int report_usage(std::string_view message, std::string_view hint = {});
/// Something that went wrong on this side, with the exit code it has.
int report_local(const Error& error, int exit_code);

}  // namespace appmem::ctl
