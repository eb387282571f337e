#pragma once

#include <cstddef>
#include <cstdint>

#include "appmem/base/error.h"

namespace appmem::protocol {

class RedisReply;
class ReplyWriter;

/// One answer on its way out, whatever the format: what a session and a job need to know of it.
/// Handlers write to what `fields` or `redis` gives. Thread safety: none.
class Reply {
 public:
  Reply() = default;
  Reply(const Reply&) = delete;
  Reply& operator=(const Reply&) = delete;
  virtual ~Reply() = default;

  /// The writer for a command of the command table, or for one of the Redis table. Precondition:
  /// the request that is answered is one of these.
  virtual ReplyWriter& fields();
  virtual RedisReply& redis();

  /// Replaces whatever this answer has so far by an error.
  virtual void error(const Error& error) = 0;

  /// More is waiting in the output than a job should add to.
  [[nodiscard]] virtual bool congested() const = 0;

  /// What this answer comes to so far, in bytes as composed; of deferred values, which are never in
  /// memory as a whole, the bytes as they are stored.
  [[nodiscard]] virtual std::uint64_t answer_bytes() const = 0;

  /// Whether some of what has been written is still to be composed,
  [[nodiscard]] virtual bool deferred() const { return false; }
  /// and what that is, as it is stored: memory that the answer holds on to until it has left.
  [[nodiscard]] virtual std::uint64_t deferred_bytes() const { return 0; }
  /// Composes of that about `bytes` (as stored), less when `congested()`. Returns true when nothing
  /// is left to compose. A part of the answer has been streamed then.
  virtual bool compose(std::size_t bytes) {
    static_cast<void>(bytes);
    return true;
  }
};

}  // namespace appmem::protocol
