#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "appmem/base/time.h"
#include "appmem/core/store.h"
#include "appmem/storage/file_system.h"
#include "content_file.h"
#include "pending_log.h"
#include "record.h"

namespace appmem::storage {

/// What an entry takes in a checkpoint besides key and value, about; with a deadline 6 more.
inline constexpr std::uint64_t kEntryBytes = 18;
/// Key and value of an entry, as NamespaceInfo::bytes counts them, and kEntryBytes.
std::uint64_t plain_bytes(std::string_view key, const ValueView& value);

struct CheckpointFile {
  std::string name;
  /// No record up to this one is needed beside it.
  std::uint64_t sequence = 0;
  std::uint64_t entries = 0;
  std::uint64_t bytes = 0;
  /// The plain_bytes() of its entries: what came to `bytes` in the file.
  std::uint64_t plain_bytes = 0;
};

/// What all checkpoints of a directory have in common. Borrowed.
struct CheckpointContext {
  FileSystem& files;
  Clock& clock;
  core::Store& store;
  const PendingLog& pending;
  std::string directory;
  std::uint64_t directory_id = 0;
  std::uint32_t salt = 0;
  /// See StorageOptions.
  std::uint64_t compress_above = kCompressNever;
};

/// Writes all namespaces that have a log to a checkpoint, in slices beside the running store. An
/// entry is written as it is when its slice comes, with the sequence number of its last change:
/// what the log holds from `sequence` on, replayed over that, makes it whole (decision 0018).
/// Thread safety: none.
class CheckpointWriter {
 public:
  CheckpointWriter(const CheckpointContext& context, CheckpointOwner& owner)
      : context_(context), owner_(owner), records_(context.compress_above) {}

  /// Errors: kUnavailable: the disk; or the owner gave up. Nothing is left of it then.
  /// `sequence`: not after the latest record at the time of the call. `is_all`: what the log has
  /// beyond that is not needed for the checkpoint to be whole.
  Result<CheckpointFile> write(std::uint64_t sequence, bool is_all);

 private:
  struct Namespace {
    core::NamespaceId id;
    NamespaceNumber number = 0;
    std::uint64_t entries = 0;  // when it was begun
  };
  /// `sequence`: as in write().
  std::vector<Namespace> define_namespaces(std::uint64_t sequence);
  Result<void> write_entries(const Namespace& ns, ContentFile& file);
  void begin_record();

  const CheckpointContext& context_;
  CheckpointOwner& owner_;
  RecordBuffer records_;
  std::uint64_t next_record_ = 1;
  std::uint64_t record_begin_ = 0;
  std::uint64_t entries_ = 0;
  std::uint64_t plain_bytes_ = 0;
};

}  // namespace appmem::storage
