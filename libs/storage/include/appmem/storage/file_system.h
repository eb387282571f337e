#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "appmem/base/error.h"

namespace appmem::storage {

/// An open file. Errors of all: kUnavailable; the message names the file, what was tried and the
/// system's reason ("write to /var/lib/appmem/…: No space left on device").
/// Thread safety: one thread at a time, but `sync` may run beside the others, and so may
/// `write_zeros` where nobody else touches the same bytes.
class File {
 public:
  /// What `write_zeros` takes are multiples of this.
  static constexpr std::uint64_t kBlockBytes = 4096;

  File() = default;
  File(const File&) = delete;
  File& operator=(const File&) = delete;
  virtual ~File() = default;

  /// Fills `out` from `offset` on; returns how many bytes there were, fewer only at the file's end.
  virtual Result<std::size_t> read_at(std::uint64_t offset, std::span<char> out) = 0;
  /// Writes the pieces one behind the other, beyond the end where it has to. After an error any
  /// part of them may be there.
  virtual Result<void> write_at(std::uint64_t offset, std::span<const std::string_view> pieces) = 0;
  /// Contents and size are on the disk when it returns. After an error nothing is known about what
  /// was written since the last success, also if a later call succeeds.
  virtual Result<void> sync() = 0;
  virtual Result<void> truncate(std::uint64_t size) = 0;
  /// Takes disk space for `size` bytes from the beginning and makes the file that long, zeros
  /// behind what it has; a file that is longer stays as it is.
  virtual Result<void> reserve(std::uint64_t size) = 0;
  /// Writes zeros from `offset` on over `bytes` that were reserved and never written to; both are
  /// multiples of kBlockBytes. A later write there and its sync then need not tell the file system
  /// that these blocks are in use, which takes a commit of its journal. Not through the page cache,
  /// so that a sync meanwhile does not have to write them too. An error (also where a file system
  /// cannot do that) leaves zeros.
  virtual Result<void> write_zeros(std::uint64_t offset, std::uint64_t bytes) = 0;
  virtual Result<std::uint64_t> size() = 0;
};

/// Held until it is destroyed, or the process ends.
class FileLock {
 public:
  FileLock() = default;
  FileLock(const FileLock&) = delete;
  FileLock& operator=(const FileLock&) = delete;
  virtual ~FileLock() = default;
};

/// What storage does with files. The system's is made by make_system_files(); tests have one that
/// loses and tears what was not synced, and one that fails.
/// Paths are as the system takes them. Errors of all: as File's.
/// Thread safety: all functions, from any thread.
class FileSystem {
 public:
  enum class Open : std::uint8_t {
    kRead,   // must be there
    kWrite,  // for reading and writing; must be there
    kMake,   // for reading and writing; must not be there
  };

  FileSystem() = default;
  FileSystem(const FileSystem&) = delete;
  FileSystem& operator=(const FileSystem&) = delete;
  virtual ~FileSystem() = default;

  /// New files have mode 0600.
  virtual Result<std::unique_ptr<File>> open(const std::string& path, Open how) = 0;
  /// Names in a directory, sorted, without "." and "..". One that is not there has none.
  virtual Result<std::vector<std::string>> list(const std::string& directory) = 0;
  /// With those above it, where they are missing; mode 0700. Nothing to do when it is there.
  virtual Result<void> make_directory(const std::string& path) = 0;
  /// Within a file system; replaces what has the new name, as one step. Between directories, both
  /// of them are to be synced.
  virtual Result<void> rename(const std::string& from, const std::string& to) = 0;
  virtual Result<void> remove(const std::string& path) = 0;
  /// Files that came, went or were renamed in `path` are so on the disk when it returns.
  virtual Result<void> sync_directory(const std::string& path) = 0;
  /// Takes the lock of a file, which is made where it is missing. Errors: also kBusy, when another
  /// process holds it (or this one); the message names it.
  virtual Result<std::unique_ptr<FileLock>> lock(const std::string& path) = 0;
};

/// The files of this machine.
std::unique_ptr<FileSystem> make_system_files();

}  // namespace appmem::storage
