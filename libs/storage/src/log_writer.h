#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "appmem/base/time.h"
#include "appmem/storage/file_system.h"
#include "record.h"

namespace appmem::storage {

/// A segment that takes no more records.
struct SealedSegment {
  std::string name;
  std::uint64_t last_sequence = 0;
  std::uint64_t bytes = 0;
};

/// Writes groups of records to the current segment, and begins another where one is full.
/// Thread safety: one thread; `sync`, `begun`, `size`, the functions for zeros and those for sealed
/// segments may run on another one each beside the rest.
class LogWriter {
 public:
  struct Options {
    std::string directory;
    std::uint64_t segment_bytes = 0;
    /// In the header of each file.
    std::uint64_t directory_id = 0;
    /// Seeds the salts.
    std::uint64_t seed = 0;
    /// Zeros are written ahead, for those who wait for each sync.
    bool writes_zeros = false;
  };
  LogWriter(FileSystem& files, Options options);

  /// Makes the segment whose first record will be `first_sequence`; nothing may be written before.
  Result<void> begin(std::uint64_t first_sequence, WallTime now);
  /// Writes `records`, of which `last_sequence` is the last one, behind the mark that everything up
  /// to `synced` is on the disk. Empty records are a mark alone. Seals the segment before it, which
  /// is then on the disk, where it would grow over its size.
  Result<void> write(RecordBuffer& records, std::uint64_t last_sequence, std::uint64_t synced,
                     WallTime now);
  /// What was written before the call is on the disk.
  Result<void> sync();
  /// There are few zeros ahead of what is written: it is time for write_zeros().
  [[nodiscard]] bool wants_zeros() const;
  /// Writes some zeros ahead (File::write_zeros). False when there are enough. An error is no
  /// failure of the log: this segment goes on without them.
  Result<bool> write_zeros();
  /// Takes back the space that the current segment does not need, when nothing more is written.
  Result<void> close();

  /// The name of the current segment, which is given up; empty when there is none.
  std::string abandon();

  [[nodiscard]] bool begun() const;
  /// A group with so many bytes of records goes into the current segment.
  [[nodiscard]] bool has_room(std::uint64_t records_bytes) const;
  /// The last record that is in a file. Any thread.
  [[nodiscard]] std::uint64_t written() const { return last_.load(std::memory_order_acquire); }

  // --- sealed segments, ascending ---
  void add_sealed(SealedSegment segment);
  /// Takes those whose records are all `up_to` or before off the list.
  std::vector<SealedSegment> take_sealed(std::uint64_t up_to);
  [[nodiscard]] std::uint64_t sealed_bytes() const {
    const std::lock_guard lock(mutex_);
    std::uint64_t bytes = 0;
    for (const SealedSegment& segment : sealed_)
      bytes += segment.bytes;
    return bytes;
  }
  struct Size {
    std::size_t segments = 0;
    std::uint64_t bytes = 0;
  };
  /// Of all segments, the current one with what is written in it.
  [[nodiscard]] Size size() const;

 private:
  /// Of a file; nothing when both are the same.
  struct Range {
    std::uint64_t begin = 0;
    std::uint64_t end = 0;
  };

  Result<void> seal();
  void begin_writing(Range range);
  void end_zeros();
  [[nodiscard]] Range next_zeros() const;

  FileSystem& files_;
  const Options options_;
  std::uint64_t salt_state_;
  std::uint32_t salt_ = 0;
  std::string name_;
  std::atomic<std::uint64_t> last_{0};
  RecordBuffer mark_;
  std::vector<std::string_view> pieces_;

  mutable std::mutex mutex_;
  std::shared_ptr<File> file_;    // its pointer: protected by mutex_ for those who sync
  std::uint64_t offset_ = 0;      // where the next group goes; written with mutex_ locked
  std::uint64_t writing_to_ = 0;  // offset_, or the end of the group that is being written
  std::uint64_t zeros_end_ = 0;   // of those that are on the disk
  Range zeroing_;                 // what write_zeros() is at
  bool may_write_zeros_ = false;  // to the current segment, from its beginning to its sealing
  std::condition_variable zeros_written_;
  std::vector<SealedSegment> sealed_;
};

}  // namespace appmem::storage
