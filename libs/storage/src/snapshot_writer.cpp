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
/// A buffer that grows has up to twice the memory that it needs, and half as much again while it
/// moves.
constexpr std::uint64_t kGrowthParts = 5;
constexpr std::uint64_t kGrowthOf = 2;

}  // namespace

SnapshotWriter::SnapshotWriter(const CheckpointContext& context, CheckpointOwner& owner,
                               std::uint64_t memory_bytes_max)
    : context_(context),
      owner_(owner),
      memory_bytes_max_(memory_bytes_max),
      slice_bytes_(std::min(kWriteBytes, memory_bytes_max / 8 / kGrowthParts * kGrowthOf)),
      shown_(context.compress_above),
      writing_(context.compress_above) {
}

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
    const auto done = scan_some(**scan);
    if (!done) return fail(done.error());
    if (*done) break;
    if (auto flushed = flush(file); !flushed) return fail(flushed.error());
    owner_.rest();
  }
  scan->reset();  // nobody shows anything any more
  if (auto ended = end_shown(); !ended) return fail(ended.error());
  if (auto wrote = file.write(shown_, owner_); !wrote) return fail(wrote.error());
  // What is over and not yet reaped counts in the hint and is not shown; it is the most that may
  // be.
  const ContentFile::End end{
      .record = next_record_, .entries = entries_, .needed = 0, .hints_hold = true};
  if (auto finished = file.finish(end, owner_); !finished) return fail(finished.error());
  made.entries = entries_;
  made.bytes = file.bytes();
  return made;
}

Result<bool> SnapshotWriter::scan_some(core::MomentScan& scan) {
  scanning_ = true;
  auto done = scan.run(kSliceEntries, slice_bytes_, context_.clock.now());
  scanning_ = false;
  return done;
}

std::uint64_t SnapshotWriter::memory_with(const core::EntryView& entry) const {
  const bool is_shared = entry.value.shared != nullptr;
  const std::uint64_t shared = shown_shared_bytes_ + (is_shared ? entry.value.bytes.size() : 0);
  const std::uint64_t copied =
      copied_bytes() + plain_bytes(entry.key, {}) + (is_shared ? 0 : entry.value.bytes.size());
  return shared + copied / kGrowthOf * kGrowthParts;
}

void SnapshotWriter::show(NamespaceNumber number, const core::EntryView& entry) {
  std::optional<WallTime> deadline;
  if (entry.deadline) deadline = context_.clock.now().wall_of(*entry.deadline);
  const std::lock_guard lock(mutex_);
  if (overflown_) return;
  // Slices are not too much: of those that wait to be written there are two at the most, and of a
  // large value in them there is no copy. What somebody changes, which is in memory for the
  // snapshot only, may be: three quarters are for that, whether a slice has just come or not.
  const bool is_slice = std::this_thread::get_id() == thread_ && scanning_;
  const std::uint64_t memory = memory_with(entry);
  const std::uint64_t slices =
      sliced_shared_bytes_ +
      std::min(sliced_bytes_ / kGrowthOf * kGrowthParts, memory_bytes_max_ / 4);
  if (!is_slice && memory > memory_bytes_max_ / 4 * 3 + slices) {
    overflown_ = true;
    return;
  }
  if (!hurried_ && memory > memory_bytes_max_ / 2) {
    hurried_ = true;
    owner_.hurry();
  }
  const std::uint64_t before = copied_bytes();
  if (entry.value.shared != nullptr) {
    shown_shared_bytes_ += entry.value.bytes.size();
    if (is_slice) sliced_shared_bytes_ += entry.value.bytes.size();
  }
  shown_.set(
      number,
      {.key = entry.key, .value = entry.value, .version = entry.version, .deadline = deadline});
  if (is_slice) sliced_bytes_ += copied_bytes() - before;
  ++entries_;
}

Result<void> SnapshotWriter::flush(ContentFile& file) {
  {
    const std::lock_guard lock(mutex_);
    if (shown_.bytes() < slice_bytes_) return {};
    if (auto ended = end_shown(); !ended) return ended;
    std::swap(shown_, writing_);
    shown_shared_bytes_ = 0;
    sliced_bytes_ = 0;
    sliced_shared_bytes_ = 0;
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
