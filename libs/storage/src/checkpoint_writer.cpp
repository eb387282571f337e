#include "checkpoint_writer.h"

#include <optional>
#include <utility>

#include "appmem/base/units.h"
#include "log_files.h"

namespace appmem::storage {
namespace {

/// Entries that are copied under one lock.
constexpr std::size_t kSliceEntries = 256;
/// A record is about so long, and so much is written at once.
constexpr std::size_t kRecordBytes = 64_KiB;
constexpr std::size_t kWriteBytes = 1_MiB;

/// Whether tables for `hint` entries have the size for `count`.
bool is_about(std::uint64_t count, std::uint64_t hint) {
  const std::uint64_t slack = hint / core::kRestoreSlackPart + core::kRestoreSlackEntries;
  return count <= hint + slack && hint <= count + slack;
}

}  // namespace

Result<CheckpointFile> CheckpointWriter::write(std::uint64_t sequence, bool is_all) {
  CheckpointFile made;
  // Whatever the log holds up to it is in the store already: a change is made before it is told.
  made.sequence = sequence;
  made.name = checkpoint_name(made.sequence);
  ContentFile file(context_.files, context_.directory, made.name,
                   {.directory = context_.directory_id,
                    .sequence = made.sequence,
                    .created_ms = 0,
                    .salt = context_.salt,
                    .hash_seed = context_.store.hash_seed()});
  if (auto begun = file.begin(context_.clock.now().wall); !begun) return fail(begun.error());
  begin_record();
  bool hints_hold = true;
  for (const Namespace& ns : define_namespaces(sequence)) {
    const std::uint64_t before = entries_;
    if (auto wrote = write_entries(ns, file); !wrote) return fail(wrote.error());
    hints_hold = hints_hold && is_about(entries_ - before, ns.entries);
  }
  records_.end();
  if (auto wrote = file.write(records_, owner_); !wrote) return fail(wrote.error());
  // An entry may be newer than `sequence`: then its record has to be on the disk as well.
  const std::uint64_t needed = is_all ? sequence : context_.pending.latest();
  const ContentFile::End end{
      .record = next_record_, .entries = entries_, .needed = needed, .hints_hold = hints_hold};
  if (auto finished = file.finish(end, owner_); !finished) return fail(finished.error());
  made.entries = entries_;
  made.bytes = file.bytes();
  made.plain_bytes = plain_bytes_;
  return made;
}

std::vector<CheckpointWriter::Namespace> CheckpointWriter::define_namespaces(
    std::uint64_t sequence) {
  std::vector<Namespace> all;
  for (const core::NamespaceInfo& info : context_.store.list_namespaces(context_.clock.now())) {
    if (info.settings.persist == core::Persistence::kNone) continue;
    const auto number = context_.pending.number_of(info.id);
    if (!number) continue;  // it has gone, or has just come and is in the log
    // One that has just given its log up may have no snapshot yet.
    const bool is_here = info.settings.persist == core::Persistence::kWal ||
                         context_.pending.begun_at(*number) > sequence;
    records_.describe(format::Operation::kCreate, *number, info.name, info.settings, false,
                      is_here ? info.keys : 0);
    if (is_here) all.push_back({.id = info.id, .number = *number, .entries = info.keys});
  }
  return all;
}

Result<void> CheckpointWriter::write_entries(const Namespace& ns, ContentFile& file) {
  core::ScanCursor cursor = 0;
  for (;;) {
    const Instant now = context_.clock.now();
    const auto step =
        context_.store.scan(ns.id, cursor, kSliceEntries, now, [&](const core::EntryView& entry) {
          std::optional<WallTime> deadline;
          if (entry.deadline) deadline = now.wall_of(*entry.deadline);
          records_.set(ns.number, {.key = entry.key,
                                   .value = entry.value,
                                   .version = entry.version,
                                   .deadline = deadline,
                                   .position = entry.ticket});
          ++entries_;
          plain_bytes_ += plain_bytes(entry.key, entry.value);
          return true;
        });
    if (!step) return {};  // dropped meanwhile, which the log tells
    if (records_.bytes() - record_begin_ >= kRecordBytes) {
      records_.end();
      if (records_.bytes() >= kWriteBytes) {
        if (auto wrote = file.write(records_, owner_); !wrote) return wrote;
      }
      begin_record();
    }
    if (step->done) return {};
    cursor = step->next;
    owner_.rest();
  }
}

void CheckpointWriter::begin_record() {
  record_begin_ = records_.bytes();
  records_.begin(format::RecordKind::kContent, next_record_++);
}

}  // namespace appmem::storage
