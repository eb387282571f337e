#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "redis/server_pair.h"
#include "redis/session_document.h"

namespace appmem::test {

/// What a server said to a step of a session.
struct Said {
  std::string text;                // as redis-cli shows it; of bytes, with escapes
  std::optional<RespReply> reply;  // to a command, unless the connection was closed

  bool operator==(const Said&) const = default;
};

/// The connections of one session to one server.
class SessionClient {
 public:
  using Connect = std::function<std::unique_ptr<RespSocket>()>;

  explicit SessionClient(Connect connect) : connect_(std::move(connect)) {}

  /// Sends a step that is a command or bytes. Replies to bytes are read until they are `expected`,
  /// or the server closes; not at all without it. A closed connection is the line `(closed)`.
  Said say(const SessionStep& step, const std::optional<std::string>& expected);

 private:
  RespSocket& connection(std::size_t number);

  Connect connect_;
  std::map<std::size_t, std::unique_ptr<RespSocket>> connections_;
};

}  // namespace appmem::test
