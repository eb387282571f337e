#include "snapshot_writer.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "appmem/base/units.h"
#include "appmem/core/moment_scan.h"
#include "log_files.h"

namespace appmem::storage {
namespace {

constexpr std::size_t kSliceEntries = 256;
constexpr std::uint64_t kWriteBytes = 256_KiB;

}  // namespace

Result<CheckpointFile> SnapshotWriter::write(core::NamespaceId ns, NamespaceNumber number,
                                             std::uint64_t newest) {
  const auto info = context_.store.namespace_info(ns, context_.clock.now());
  if (!info) return fail(info.error());
  shown_.begin(format::RecordKind::kContent, next_record_++);
  shown_.describe(format::Operation::kCreate, number, info->name, info->settings, false,
                  info->keys);
  auto scan = core::MomentScan::begin(
      context_.store, ns, [this, number](const core::EntryView& entry) { show(number, entry); });
  if (!scan) return fail(std::move(scan).error());
  CheckpointFile made;
  // A namespace that is cleared later than this is empty, whatever this file says.
  made.sequence = std::min(newest, context_.pending.latest());
  made.name = snapshot_name(number, made.sequence);
  ContentFile file(context_.files, context_.directory, made.name,
                   {.directory = context_.directory_id,
                    .sequence = made.sequence,
                    .created_ms = 0,
                    .salt = context_.salt,
                    .hash_seed = context_.store.hash_seed()});
  if (auto begun = file.begin(context_.clock.now().wall); !begun) return fail(begun.error());
  for (;;) {
    const auto done = (*scan)->run(kSliceEntries, context_.clock.now());
    if (!done) return fail(done.error());
    if (*done) break;
    if (auto flushed = flush(file); !flushed) return fail(flushed.error());
    owner_.rest();
  }
  scan->reset();  // nobody shows anything any more
  if (auto ended = end_shown(); !ended) return fail(ended.error());
  if (auto wrote = file.write(shown_, owner_); !wrote) return fail(wrote.error());
  if (auto finished = file.finish(next_record_, entries_, 0, owner_); !finished) {
    return fail(finished.error());
  }
  made.entries = entries_;
  made.bytes = file.bytes();
  return made;
}

void SnapshotWriter::show(NamespaceNumber number, const core::EntryView& entry) {
  std::optional<WallTime> deadline;
  if (entry.deadline) deadline = context_.clock.now().wall_of(*entry.deadline);
  const std::lock_guard lock(mutex_);
  if (overflown_) return;
  if (shown_.bytes() + entry.key.size() + entry.value.bytes.size() > memory_bytes_max_) {
    overflown_ = true;
    return;
  }
  shown_.set(
      number,
      {.key = entry.key, .value = entry.value, .version = entry.version, .deadline = deadline});
  ++entries_;
}

Result<void> SnapshotWriter::flush(ContentFile& file) {
  {
    const std::lock_guard lock(mutex_);
    if (shown_.bytes() < kWriteBytes) return {};
    if (auto ended = end_shown(); !ended) return ended;
    std::swap(shown_, writing_);
    shown_.begin(format::RecordKind::kContent, next_record_++);
  }
  return file.write(writing_, owner_);
}

Result<void> SnapshotWriter::end_shown() {
  if (overflown_) {
    return fail(ErrorCode::kOutOfMemory,
                "the disk is too slow for a snapshot beside so many writes");
  }
  shown_.end();
  return {};
}

}  // namespace appmem::storage
