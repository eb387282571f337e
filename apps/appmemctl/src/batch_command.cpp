#include <cerrno>
#include <functional>

#include <fcntl.h>
#include <unistd.h>

#include "appmem/base/limits.h"
#include "appmem/base/similar_name.h"
#include "appmem/protocol/error_table.h"
#include "commands.h"
#include "input.h"
#include "print.h"
#include "progress.h"
#include "refusal.h"
#include "shell_commands.h"

namespace appmem::ctl {
namespace {

using client::JsonItems;
using client::JsonView;
using protocol::Field;

/// How many requests of a pipeline are on the way at once.
constexpr std::size_t kPipelineRequests = 10'000;
/// And how many bytes of them.
constexpr std::size_t kPipelineBytes = 16_MiB;

/// Of a word that is no command.
constexpr std::size_t kWordBytesShown = 40;

/// One operation of the input: its request, and how its answer is shown.
struct Operation {
  std::string request;
  std::size_t line = 0;
  ShowLines show = nullptr;
};

/// A line that nobody can understand is a mistake in what was typed, as a wrong flag would be.
int report_input(const Error& error) {
  return error.code == ErrorCode::kInvalidRequest ? report_local(error, protocol::kExitUsage)
                                                  : report_file(error);
}

Error line_error(std::size_t line, std::string_view message) {
  return {ErrorCode::kInvalidRequest, "line " + std::to_string(line) + ": " + std::string(message),
          std::nullopt};
}

/// Shows an answer of which nothing is known but its op: as the shell would, or as its JSON.
ShowLines show_of(const JsonView& request) {
  const auto op = request.find("op");
  std::string name = op ? op->as_text() : "";
  for (char& c : name) {
    if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
  }
  const ShellCommand* command = find_shell_command(name);
  return command != nullptr ? command->show_of(request) : nullptr;
}

/// What is wrong with a line that begins neither as JSON nor with a command.
std::string unknown_command(std::string_view text) {
  const std::string word(text.substr(0, text.find_first_of(" \t")));
  SimilarName meant(word);
  for (const ShellCommand& command : shell_commands())
    meant.consider(command.name);
  return "neither a JSON object nor a command of the shell: " + word.substr(0, kWordBytesShown) +
         (meant.best().empty() ? "" : "; did you mean " + std::string(meant.best()) + '?');
}

/// Reads a line of the input: a request as JSON, or a line as the shell takes it.
Result<Operation> parse_line(const std::string& text, std::size_t number) {
  if (text.starts_with('{')) {
    const Result<JsonView> request = JsonView::parse(text);
    if (!request) return fail(line_error(number, "no JSON object"));
    return Operation{std::string(request->text()), number, show_of(*request)};
  }
  ShellLine line(text);
  const ShellCommand* command = find_shell_command(line.command());
  if (command == nullptr) {
    return fail(line_error(number, unknown_command(text)));
  }
  auto request = command->compose(line);
  if (!request) {
    return fail(line_error(
        number, "usage: " + std::string(command->usage) + "; options go in a line of JSON only"));
  }
  const Result<JsonView> sent = JsonView::parse(*request);
  const ShowLines show = sent ? command->show_of(*sent) : command->show;
  return Operation{*std::move(request), number, show};
}

void show_result(Context& context, const Operation& operation, const JsonView& result) {
  if (operation.show != nullptr) {
    operation.show(context.out, result);
  } else {
    context.out.write(result.text());
    context.out.write("\n");
  }
}

/// Hands each operation of the input to `take`, which returns false to stop.
Result<void> read_operations(LineInput& input, const std::string& name,
                             const std::function<bool(Operation)>& take) {
  std::string text;
  for (std::size_t number = 1; input.next(text); ++number) {
    const std::size_t begin = text.find_first_not_of(" \t");
    if (begin == std::string::npos) continue;
    Result<Operation> operation = parse_line(text.substr(begin), number);
    if (!operation) return fail(std::move(operation).error());
    if (!take(*std::move(operation))) return {};
  }
  if (input.error() != 0) {
    return fail(ErrorCode::kInternal, name + ": " + std::generic_category().message(input.error()));
  }
  return {};
}

/// All operations as one request: they take effect together or not at all.
int run_atomic(Context& context, LineInput& input, const std::string& name) {
  std::vector<Operation> operations;
  const Result<void> read = read_operations(input, name, [&](Operation operation) {
    operations.push_back(std::move(operation));
    return operations.size() <= kBatchOpsMax;
  });
  if (!read) return report_input(read.error());
  if (operations.size() > kBatchOpsMax) {
    return report_answer_error({ErrorCode::kTooLarge,
                                "a batch takes at most " + std::to_string(kBatchOpsMax) +
                                    " operations: use --pipeline, which is not atomic, or split it",
                                std::nullopt});
  }
  std::string ops = "[";
  for (const Operation& operation : operations) {
    if (ops.size() > 1) ops.push_back(',');
    ops += operation.request;
  }
  ops.push_back(']');
  client::RequestBuilder request(protocol::command_spec(protocol::CommandId::kBatch).name);
  request.json(Field::kOps, ops);
  // What was typed here is the wire's own language, so only the place is ours.
  context.reword = [&](std::string message) {
    const auto position = take_position(message);
    if (!position || *position >= operations.size()) return message;
    return "line " + std::to_string(operations[*position].line) + ": " + message;
  };
  const int code = ask(context, request.take(), [&](const JsonView& answer) {
    std::size_t i = 0;
    JsonItems results = items_of(answer, protocol::field_name(Field::kResults));
    for (; results.next() && i < operations.size(); ++i)
      show_result(context, operations[i], results.value());
    return protocol::kExitDone;
  });
  context.reword = nullptr;
  return code;
}

/// Every operation as a request of its own, many on the way at once. The exit code is that of the
/// first one that failed; the others are executed all the same.
class Pipeline {
 public:
  Pipeline(Context& context, client::Client& client)
      : context_(context), client_(client), progress_("operations", !context.out.is_terminal()) {}

  /// False when the connection failed.
  bool add(Operation operation) {
    bytes_ += operation.request.size();
    requests_.push_back(std::move(operation.request));
    operation.request.clear();
    waiting_.push_back(std::move(operation));
    return (requests_.size() < kPipelineRequests && bytes_ < kPipelineBytes) || send();
  }

  bool send() {
    if (requests_.empty()) return true;
    const Result<std::vector<std::string>> answers = client_.pipeline(requests_);
    if (!answers) {
      code_ = report_client_error(answers.error());
      return false;
    }
    for (std::size_t i = 0; i < answers->size(); ++i)
      show((*answers)[i], waiting_[i]);
    done_ += requests_.size();
    requests_.clear();
    waiting_.clear();
    bytes_ = 0;
    progress_.show(done_);
    return true;
  }

  [[nodiscard]] int code() const { return code_; }

 private:
  void show(const std::string& line, const Operation& operation) {
    const int code = show_answer(
        context_, line,
        [&](const JsonView& answer) {
          show_result(context_, operation, answer);
          return protocol::kExitDone;
        },
        "line " + std::to_string(operation.line) + ": ");
    if (code_ == protocol::kExitDone) code_ = code;
  }

  Context& context_;
  client::Client& client_;
  Progress progress_;
  std::vector<std::string> requests_;
  std::vector<Operation> waiting_;
  std::size_t bytes_ = 0;
  std::uint64_t done_ = 0;
  int code_ = protocol::kExitDone;
};

int run_pipeline(Context& context, LineInput& input, const std::string& name) {
  const Result<client::Client*> client = context.client();
  if (!client) return report_client_error(client.error());
  context.out.outlive_reader();
  Pipeline pipeline(context, **client);
  bool alive = true;
  const Result<void> read = read_operations(input, name, [&](Operation operation) {
    alive = pipeline.add(std::move(operation));
    return alive;
  });
  if (alive) pipeline.send();
  if (!read) return report_input(read.error());
  return pipeline.code();
}

}  // namespace

int run_batch(Context& context, const Invocation& invocation) {
  const bool from_file = !invocation.arguments.empty() && invocation.arguments.front() != "-";
  const std::string name = from_file ? invocation.arguments.front() : "standard input";
  int fd = STDIN_FILENO;
  if (from_file) {
    fd = ::open(name.c_str(), O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
      return report_file({ErrorCode::kInternal,
                          name + ": " + std::generic_category().message(errno), std::nullopt});
    }
  }
  LineInput input(fd);
  context.reword = nullptr;
  const int code = invocation.find_own(kPipelineFlag) != nullptr
                       ? run_pipeline(context, input, name)
                       : run_atomic(context, input, name);
  if (from_file) ::close(fd);
  return code;
}

}  // namespace appmem::ctl
