#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>

#include "appmem/base/time.h"
#include "appmem/protocol/caller.h"
#include "appmem/protocol/codec.h"
#include "appmem/protocol/outcome.h"
#include "appmem/protocol/request.h"

namespace appmem::server {

/// Where a connection came from.
struct ConnectionOrigin {
  std::uint64_t id = 0;
  /// Its place in ServerOptions::listeners.
  std::size_t listener = 0;
};

/// The handler's side of one connection. Used by one event loop only.
class ConnectionHandler {
 public:
  ConnectionHandler() = default;
  ConnectionHandler(const ConnectionHandler&) = delete;
  ConnectionHandler& operator=(const ConnectionHandler&) = delete;
  virtual ~ConnectionHandler() = default;

  /// To be asked again for each request: another object may go on where the one before was, once
  /// the wire format is known. Lifetime: the connection's. A frame over kFrameBytesInlineMax is
  /// decoded on another thread while the connection waits; everything else happens on the loop's.
  virtual protocol::Codec& codec() = 0;

  /// A request was answered with an error before it could be decoded.
  virtual void refused_unread() {}

  /// Executes a decoded request; its answer has been begun on `reply`. The answer of a job leaves
  /// as a whole when it is complete, or in parts from the first moment on that it is
  /// `congested()`: until then the job may still turn it into an error.
  virtual protocol::Outcome execute(const protocol::Request& request, protocol::Reply& reply,
                                    const Instant& now) = 0;

  /// Whether it is to stay open when memory runs out and the connection with the largest buffers
  /// has to go. Loop thread only.
  [[nodiscard]] virtual bool no_evict() const { return false; }

  /// What it holds for the client between requests and has charged to the budget, in bytes: it
  /// counts with the connection's buffers when those with most have to go. Loop thread only.
  [[nodiscard]] virtual std::uint64_t memory_bytes() const { return 0; }

  /// The connection is closed, and executes nothing more: gives back what memory_bytes() tells,
  /// since the object itself lives a little longer. Called once. Loop thread only.
  virtual void close() {}

  /// The name the client gave itself; empty when none. Loop thread only.
  [[nodiscard]] virtual std::string_view client_name() const = 0;

  /// Whether the wire format is known. Until it is, a connection that has begun to send has
  /// kProtocolChoiceTimeout.
  [[nodiscard]] virtual bool protocol_chosen() const { return true; }

  /// Whether the client has still to show who it is. It has kAuthenticationTimeout for that, and is
  /// closed then. Loop thread only.
  [[nodiscard]] virtual bool unauthenticated() const { return false; }
};

/// Is told of the requests of one loop as they are decoded, before the first of them is executed: a
/// chance to ask the processor for the memory that they will need, where there are several. Changes
/// nothing. Used on the loop's thread.
class Foresight {
 public:
  Foresight() = default;
  Foresight(const Foresight&) = delete;
  Foresight& operator=(const Foresight&) = delete;
  virtual ~Foresight() = default;

  /// `connection` will execute `request` soon, if nothing comes in between. Neither need outlive
  /// the call.
  virtual void add(const ConnectionHandler& connection, const protocol::Request& request) = 0;
  /// Those that have been added will be executed now.
  virtual void finish() = 0;
};

/// What the server drives without knowing what it serves; the daemon implements it.
class RequestHandler {
 public:
  RequestHandler() = default;
  RequestHandler(const RequestHandler&) = delete;
  RequestHandler& operator=(const RequestHandler&) = delete;
  virtual ~RequestHandler() = default;

  /// A connection was accepted. Called on the thread of loop `loop`, which alone uses what it
  /// returns (never null) and destroys it. Of a client over TCP `peer` has kNobody and no process.
  virtual std::unique_ptr<ConnectionHandler> connect(std::size_t loop,
                                                     const ConnectionOrigin& origin,
                                                     protocol::PeerCredentials peer) = 0;

  /// What one loop is to tell of its requests, or null. Called once for each loop, before it runs;
  /// the loop destroys it, before the handler.
  virtual std::unique_ptr<Foresight> make_foresight() { return nullptr; }

  /// Background work of loop `loop` of `loops`; true while more is waiting. Bounded in time.
  /// Called on the loop's thread every kMaintenanceInterval, and once a turn while it returns true.
  virtual bool maintain(std::size_t loop, std::size_t loops, const Instant& now) = 0;

  /// The highest commit ticket that is safe. Answers parked on a higher one wait;
  /// Server::notify_committed tells the loops to look again. Thread safety: all.
  [[nodiscard]] virtual std::uint64_t committed() const = 0;

  /// The loops run: whoever connects from here on is answered. Called once, on the thread of
  /// Server::run.
  virtual void serving() {}
  /// All requests of a turn of loop `loop` have been executed, and their answers are about to
  /// leave. Called on the loop's thread.
  virtual void turn_ended(std::size_t /*loop*/) {}

  /// So much waits to be committed that whoever waits for it executes nothing more until
  /// Server::notify_committed. Loop thread.
  [[nodiscard]] virtual bool commit_congested() const { return false; }

  /// What is above committed() will not be committed: connections whose answers wait for it are
  /// closed. Thread safety: all.
  [[nodiscard]] virtual bool commit_failed() const { return false; }

  /// The orderly end has begun. Called once, on the thread of Server::run.
  virtual void stopping() {}
};

}  // namespace appmem::server
