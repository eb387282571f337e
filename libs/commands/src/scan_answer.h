#pragma once

#include <string_view>

#include "appmem/base/error.h"
#include "appmem/core/keyspace.h"
#include "appmem/protocol/reply_writer.h"

namespace appmem::commands {

/// The answer of a scan as it grows: `keys` or `entries`, then `cursor`.
class ScanAnswer {
 public:
  /// `with_values` answers with entries instead of keys.
  explicit ScanAnswer(bool with_values) : with_values_(with_values) {}

  [[nodiscard]] bool with_values() const { return with_values_; }
  /// Whether the job should let the connection send what it has, or a large value be composed.
  [[nodiscard]] bool must_wait(const protocol::ReplyWriter& reply) const {
    return begun_ && (reply.congested() || reply.deferred());
  }

  void add_key(protocol::ReplyWriter& reply, std::string_view key);
  void add_entry(protocol::ReplyWriter& reply, const core::EntryView& entry, const Instant& now);

  /// Ends the answer. An empty cursor stands for null: nothing is left.
  void finish(protocol::ReplyWriter& reply, std::string_view cursor);
  /// Ends the answer of a scan that cannot go on: with the error, or, where a part has left
  /// already, as if that had been all.
  void abandon(protocol::ReplyWriter& reply, const Error& error);
  /// To be called at the end of a turn: what must wait then leaves in parts.
  void pause(const protocol::ReplyWriter& reply) { streamed_ = streamed_ || must_wait(reply); }

 private:
  void begin(protocol::ReplyWriter& reply);

  const bool with_values_;
  bool begun_ = false;
  bool streamed_ = false;
};

}  // namespace appmem::commands
