#include "scan_answer.h"

#include "expiry_argument.h"

namespace appmem::commands {

using protocol::Field;
using protocol::ReplyWriter;

void ScanAnswer::begin(ReplyWriter& reply) {
  if (begun_) return;
  reply.begin_list(with_values_ ? Field::kEntries : Field::kKeys);
  begun_ = true;
}

void ScanAnswer::add_key(ReplyWriter& reply, std::string_view key) {
  begin(reply);
  reply.item_bytes(key);
}

void ScanAnswer::add_entry(ReplyWriter& reply, const core::EntryView& entry, const Instant& now) {
  if (!with_values_) {
    add_key(reply, entry.key);
    return;
  }
  begin(reply);
  reply.begin_item_object();
  reply.bytes(Field::kKey, entry.key);
  reply.value(Field::kValue, entry.value);
  reply.unsigned_integer(Field::kVersion, entry.version);
  if (entry.deadline) reply.integer(Field::kTtlMs, remaining_ms(*entry.deadline, now));
  reply.end_item_object();
}

void ScanAnswer::finish(ReplyWriter& reply, std::string_view cursor) {
  begin(reply);
  reply.end_list();
  if (cursor.empty()) {
    reply.null(Field::kCursor);
  } else {
    reply.text(Field::kCursor, cursor);
  }
}

void ScanAnswer::abandon(ReplyWriter& reply, const Error& error) {
  if (streamed_) {
    finish(reply, {});
  } else {
    reply.error(error);
  }
}

}  // namespace appmem::commands
