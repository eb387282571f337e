#include "context.h"

#include <cstdio>
#include <utility>

#include "appmem/protocol/error_table.h"
#include "refusal.h"

namespace appmem::ctl {
namespace {

void print_error(const std::string& message) {
  std::string line = "appmemctl: " + message;
  for (char& c : line) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7F) c = ' ';  // one line, and no escapes
  }
  line.push_back('\n');
  std::fwrite(line.data(), 1, line.size(), stderr);
}

/// What a user can do about it, where the message does not say so itself.
std::string_view advice(const Error& error) {
  switch (error.code) {
    case ErrorCode::kNotFound:
      if (error.message.find("no namespace named") == std::string::npos) return "";
      return " (`appmemctl ns list` shows those there are, `appmemctl ns create NAME` makes one)";
    case ErrorCode::kForbidden:
      return " (only the daemon's user and root may; a member of --socket-group may use `default`)";
    case ErrorCode::kUnauthenticated:
      return " (name the file with the token: --token-file FILE, or APPMEM_TOKEN_FILE)";
    case ErrorCode::kOutOfMemory:
      return " (raise --max-memory or the namespace's limits; where its eviction is none, "
             "--eviction lru makes room)";
    case ErrorCode::kInvalidJson:
      return " (what this namespace stores is JSON: a text has quotes, as in '\"text\"')";
    case ErrorCode::kNotInteger:
      return " (`appmemctl get KEY` shows it, `appmemctl set KEY 0` makes a counter of it)";
    case ErrorCode::kBusy:
      return " (try again later)";
    default:
      return "";
  }
}

}  // namespace

Result<client::Client*> Context::client() {
  if (!client_) {
    Result<client::Client> opened = client::Client::open(options);
    if (!opened) return fail(std::move(opened).error());
    client_ = *std::move(opened);
  }
  return &*client_;
}

int report_answer_error(const Error& error) {
  print_error(error.message + std::string(advice(error)));
  return protocol::error_row(error.code).exit_code;
}

int report_client_error(const Error& error) {
  // The client shows its token and asks for its namespace when it opens; the server may be full.
  const bool advised = error.code == ErrorCode::kUnauthenticated ||
                       error.code == ErrorCode::kNotFound || error.code == ErrorCode::kBusy;
  print_error(without_wire_example(error.message) + std::string(advised ? advice(error) : ""));
  if (error.code == ErrorCode::kUnavailable) return protocol::kExitNoConnection;
  // What is no address has not been sent anywhere.
  if (error.code == ErrorCode::kInvalidRequest) return protocol::kExitUsage;
  return protocol::error_row(error.code).exit_code;
}

int report_usage(std::string_view message, std::string_view hint) {
  std::string line(message);
  if (!hint.empty()) line += ": " + std::string(hint);
  print_error(line);
  return protocol::kExitUsage;
}

int report_local(const Error& error, int exit_code) {
  print_error(error.message);
  return exit_code;
}

int show_answer(Context& context, const std::string& line, const ShowAnswer& show,
                const std::string& where) {
  const Result<client::JsonView> answer = client::JsonView::parse(line);
  if (!answer) return report_answer_error(answer.error());
  if (context.json) {
    context.out.write(line);
    context.out.write("\n");
    context.out.mute(true);
  }
  std::optional<Error> error = client::answer_error(*answer);
  if (error) {
    if (context.reword) error->message = context.reword(std::move(error->message));
    error->message.insert(0, where);
  }
  const int code = error ? report_answer_error(*error) : show(*answer);
  context.out.mute(false);
  return code;
}

int ask(Context& context, const std::string& request, const ShowAnswer& show) {
  const Result<client::Client*> client = context.client();
  if (!client) return report_client_error(client.error());
  const Result<std::string> line = (*client)->call(request);
  if (!line) return report_client_error(line.error());
  return show_answer(context, *line, show);
}

}  // namespace appmem::ctl
