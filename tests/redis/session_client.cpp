#include "redis/session_client.h"

#include <algorithm>
#include <string_view>

#include "redis/redis_cli_text.h"
#include "support/pattern.h"

namespace appmem::test {
namespace {

constexpr std::string_view kClosed = "(closed)";

/// Bytes that are expected stand on several lines for the reader's sake.
std::string on_one_line(std::string text) {
  std::erase(text, '\n');
  return text;
}

}  // namespace

RespSocket& SessionClient::connection(std::size_t number) {
  auto& connection = connections_[number];
  if (connection == nullptr) connection = connect_();
  return *connection;
}

Said SessionClient::say(const SessionStep& step, const std::optional<std::string>& expected) {
  RespSocket& socket = connection(step.connection);
  try {
    if (step.kind == SessionStep::Kind::kRaw) {
      socket.tell(from_escapes(step.text));
      if (!expected) return {};
      std::string pattern = on_one_line(*expected);
      const bool closes = pattern.ends_with(kClosed);
      if (closes) pattern.resize(pattern.size() - kClosed.size());
      std::string text = to_escapes(socket.listen([&](const std::string& received) {
        return !pattern.empty() && fits(pattern, to_escapes(received));
      }));
      if (closes && socket.at_end()) text += kClosed;
      return {text, std::nullopt};
    }
    const Words words = session_words(step.text);
    if (step.silent) {
      socket.tell(to_request(words));
      return {};
    }
    const RespReply reply = socket.ask(words);
    return {to_redis_cli(reply), reply};
  } catch (const ConnectionClosed&) {
    return {std::string(kClosed), std::nullopt};
  }
}

}  // namespace appmem::test
