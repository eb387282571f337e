#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "appmem/base/time.h"
#include "appmem/protocol/caller.h"
#include "appmem/protocol/codec.h"
#include "appmem/protocol/outcome.h"
#include "appmem/protocol/request.h"

namespace appmem::server {

/// Which wire formats a listener accepts. Others come with their codecs.
enum class ListenerProtocol : std::uint8_t { kAuto, kJson };

/// The handler's side of one connection. Used by one event loop only.
class ConnectionHandler {
 public:
  ConnectionHandler() = default;
  ConnectionHandler(const ConnectionHandler&) = delete;
  ConnectionHandler& operator=(const ConnectionHandler&) = delete;
  virtual ~ConnectionHandler() = default;

  virtual protocol::Codec& codec() = 0;
  /// Executes a decoded request; its answer has been begun on `reply`.
  virtual protocol::Outcome execute(const protocol::Request& request, protocol::ReplyWriter& reply,
                                    const Instant& now) = 0;
  /// The name the client gave itself; empty when none. Loop thread only.
  [[nodiscard]] virtual std::string_view client_name() const = 0;
};

/// What the server drives without knowing what it serves; the daemon implements it.
class RequestHandler {
 public:
  RequestHandler() = default;
  RequestHandler(const RequestHandler&) = delete;
  RequestHandler& operator=(const RequestHandler&) = delete;
  virtual ~RequestHandler() = default;

  /// A connection was accepted on a loop's thread.
  virtual std::unique_ptr<ConnectionHandler> connect(std::uint64_t connection_id,
                                                     protocol::PeerCredentials peer,
                                                     ListenerProtocol protocol) = 0;

  /// Background work of loop `loop` of `loops`; true while more is waiting. Bounded in time.
  virtual bool maintain(std::size_t loop, std::size_t loops, const Instant& now) = 0;

  /// The highest commit ticket that is safe. Answers parked on a higher one wait;
  /// Server::notify_committed tells the loops to look again. Thread safety: all.
  [[nodiscard]] virtual std::uint64_t committed() const = 0;
};

}  // namespace appmem::server
