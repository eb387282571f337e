#include "request_traits.h"

#include "appmem/client/answer.h"
#include "appmem/protocol/command_table.h"

namespace appmem::client {
namespace {

using protocol::Field;

/// With one of these, a repetition can be answered differently although the first one did its work.
constexpr Field kFieldsThatSee[] = {
    Field::kIfAbsent, Field::kIfPresent, Field::kIfVersion, Field::kReturnOld,
    Field::kIfNone,   Field::kIfLonger,  Field::kIfShorter,
};
/// A longer request cannot be a `use`.
constexpr std::size_t kUseBytesMax = 4096;

const protocol::CommandSpec* command_of(const JsonView& request) {
  const auto op = request.find("op");
  return op ? protocol::find_command(op->as_text()) : nullptr;
}

}  // namespace

bool may_repeat(std::string_view request) {
  const Result<JsonView> parsed = JsonView::parse(request);
  if (!parsed) return true;  // it is answered with an error
  const protocol::CommandSpec* command = command_of(*parsed);
  if (command == nullptr) return true;
  if ((command->flags & protocol::kIdempotent) == 0) return false;
  for (const Field field : kFieldsThatSee) {
    if (parsed->find(protocol::field_name(field))) return false;
  }
  return true;
}

std::optional<std::string> namespace_of_use(std::string_view request) {
  if (request.size() > kUseBytesMax || request.find("use") == std::string_view::npos) {
    return std::nullopt;
  }
  const Result<JsonView> parsed = JsonView::parse(request);
  if (!parsed) return std::nullopt;
  const protocol::CommandSpec* command = command_of(*parsed);
  const auto name = parsed->find(protocol::field_name(Field::kName));
  if (command == nullptr || command->id != protocol::CommandId::kUse || !name) return std::nullopt;
  return name->as_text();
}

bool is_request_line(std::string_view request) {
  const std::size_t begin = request.find_first_not_of(" \t\r");
  return request.find('\n') == std::string_view::npos && begin != std::string_view::npos &&
         request[begin] == '{';
}

}  // namespace appmem::client
