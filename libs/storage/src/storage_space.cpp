// Storage: how much of the disk is live, and when a checkpoint is due.

#include <algorithm>

#include "storage_impl.h"

namespace appmem::storage {
namespace {

/// Files may come to so many times the live data, and a segment more, before a checkpoint makes
/// them smaller. The segment that is begun next comes to that, and the checkpoint while it is
/// written stands beside them: 2.5 times the live data and two segments.
constexpr std::uint64_t kFilesPartsMax = 3;
constexpr std::uint64_t kFilesPartsOf = 2;
/// So much of that is kept free at most for what the log takes while a checkpoint is written, as a
/// share of the live data. With the half that is there no checkpoint would make room for long.
constexpr double kMeanwhileShareMax = 0.2;
/// What a checkpoint has besides its entries: header, end, and for each namespace its settings.
constexpr std::uint64_t kFileBytes = 128;
constexpr std::uint64_t kNamespaceBytes = 80;
/// From this size on the last checkpoint tells what larger ones take.
constexpr std::uint64_t kTellingBytes = std::uint64_t{16} << 10U;

}  // namespace

std::uint64_t plain_bytes(std::string_view key, const ValueView& value) {
  const std::size_t bytes =
      value.kind == ValueKind::kInteger ? sizeof(std::int64_t) : value.bytes.size();
  return key.size() + bytes + kEntryBytes;
}

Storage::Impl::LiveData Storage::Impl::live_data() {
  LiveData live{.beside = kFileBytes};
  for (const core::NamespaceInfo& info : store->list_namespaces(clock.now())) {
    if (info.settings.persist == core::Persistence::kNone) continue;
    live.beside += info.name.size() + kNamespaceBytes;
    if (info.settings.persist == core::Persistence::kSnapshot) continue;
    live.plain += info.bytes + info.keys * kEntryBytes;
  }
  return live;
}

/// A few entries are no measure of many, but of themselves: what has just been written never comes
/// out as too large for what is in it.
void Storage::Impl::learn_encoding(const CheckpointFile& made) {
  if (made.plain_bytes == 0) return;
  const std::uint64_t entries_bytes = made.bytes - std::min(made.bytes, live_data().beside);
  const double share = static_cast<double>(entries_bytes) / static_cast<double>(made.plain_bytes);
  encoded_share_of_few.store(share, std::memory_order_relaxed);
  if (made.plain_bytes < kTellingBytes) return;
  encoded_share.store(share, std::memory_order_relaxed);
}

std::uint64_t Storage::Impl::live_bytes() {
  const LiveData live = live_data();
  const bool are_few = live.plain < 2 * kTellingBytes;
  const double share = (are_few ? encoded_share_of_few : encoded_share).load();
  return live.beside + static_cast<std::uint64_t>(static_cast<double>(live.plain) * share);
}

/// With the space that the current segment has taken in advance.
std::uint64_t Storage::Impl::files_bytes() {
  const std::uint64_t written = writer->size().bytes;
  const std::uint64_t sealed = writer->sealed_bytes();
  const std::uint64_t current =
      writer->begun() ? std::max(written - std::min(written, sealed), options.segment_bytes) : 0;
  return sealed + current + checkpoint.bytes;
}

/// Their ceiling while no checkpoint is under way.
std::uint64_t Storage::Impl::files_bytes_max(std::uint64_t live) const {
  return live / kFilesPartsOf * kFilesPartsMax + options.segment_bytes;
}

bool Storage::Impl::too_much_is_dead() {
  const std::uint64_t live = live_bytes();
  const auto meanwhile = static_cast<std::uint64_t>(static_cast<double>(live) * meanwhile_share);
  return files_bytes() + meanwhile > files_bytes_max(live);
}

bool Storage::Impl::is_falling_behind() {
  return files_bytes() > files_bytes_max(live_bytes()) + options.segment_bytes;
}

/// The log has grown by `log_bytes` while a checkpoint was written.
void Storage::Impl::learn_growth(std::uint64_t log_bytes, const CheckpointFile& made) {
  meanwhile_share = std::min(kMeanwhileShareMax,
                             static_cast<double>(log_bytes) / static_cast<double>(made.bytes));
}

Result<bool> Storage::compact_if_due() {
  Impl& impl = *impl_;
  if (!impl.is_open.load(std::memory_order_acquire) || impl.failed.load()) return false;
  if (!impl.is_compaction_due()) return false;
  if (auto made = impl.make_due_checkpoint(); !made) return fail(std::move(made).error());
  return true;
}

}  // namespace appmem::storage
