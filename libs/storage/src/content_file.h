#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "appmem/base/time.h"
#include "appmem/storage/file_system.h"
#include "record.h"

namespace appmem::storage {

/// What whoever writes a checkpoint asks of its owner on the way.
class CheckpointOwner {
 public:
  CheckpointOwner() = default;
  CheckpointOwner(const CheckpointOwner&) = delete;
  CheckpointOwner& operator=(const CheckpointOwner&) = delete;
  virtual ~CheckpointOwner() = default;

  /// Told after each write of so many bytes: the place to wait. False: give up.
  virtual bool go_on(std::uint64_t bytes) = 0;
  /// Told after each slice of the store that was read under a lock: others come first.
  virtual void rest() {}
  /// What waits to be written grows faster than it is: go_on() is not to wait. Any thread.
  virtual void hurry() {}
  /// Returns when the log is on the disk up to `sequence`.
  virtual Result<void> wait_synced(std::uint64_t sequence) = 0;
};

/// A checkpoint that is being written: it has its name once it is whole and on the disk, and leaves
/// nothing behind where that fails.
/// Thread safety: none.
class ContentFile {
 public:
  /// `header.created_ms` is set here. The file has `header.hash_seed` once it is finished and what
  /// it says of numbers of entries was right.
  ContentFile(FileSystem& files, std::string directory, std::string name, FileHeader header)
      : files_(files), directory_(std::move(directory)), name_(std::move(name)), header_(header) {}
  ContentFile(const ContentFile&) = delete;
  ContentFile& operator=(const ContentFile&) = delete;
  ~ContentFile();

  Result<void> begin(WallTime now);
  /// Appends whole records, with values compressed where `records` wants that, and empties it.
  /// Errors: also kUnavailable, when the owner
  /// gives up.
  Result<void> write(RecordBuffer& records, CheckpointOwner& owner);
  struct End {
    std::uint64_t record = 0;  // its number
    // See format::RecordKind::kEnd.
    std::uint64_t entries = 0;
    std::uint64_t needed = 0;
    /// The namespaces have about as many entries as format::SettingTag::kEntries says.
    bool hints_hold = false;
  };
  /// Appends the end.
  Result<void> finish(const End& end, CheckpointOwner& owner);

  [[nodiscard]] std::uint64_t bytes() const { return offset_; }

 private:
  Result<void> write_header(std::uint64_t hash_seed);
  [[nodiscard]] std::string path() const { return directory_ + "/" + name_; }
  [[nodiscard]] std::string unfinished_path() const {
    return path() + std::string(format::kUnfinishedSuffix);
  }

  FileSystem& files_;
  const std::string directory_;
  const std::string name_;
  FileHeader header_;
  std::unique_ptr<File> file_;
  std::uint64_t offset_ = 0;
  std::vector<std::string_view> pieces_;
  ValueCompressor compressor_;
};

}  // namespace appmem::storage
