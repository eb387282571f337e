#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "appmem/storage/file_system.h"

namespace appmem::test {

/// Files in memory, of a machine that crashes and whose disk fails when a test says so. What was
/// synced is kept apart from what was only written. The same calls and seeds give the same files.
/// Errors are the system's, with its messages.
///
/// A directory is on the disk when make_directory() returns, as in the system's files. A file that
/// was synced can still be lost: with its name, which sync_directory() keeps.
/// A rename() from one directory to another is on the disk at once.
/// After a failed sync() what was written to the file since the last successful one stays in doubt:
/// a crash can take it until it is written again and synced, also after a sync() that succeeds (the
/// kernel has marked those pages as clean).
///
/// Thread safety: all functions, and those of the files. Lifetime: longer than its files and locks.
class SimulatedFiles final : public storage::FileSystem {
 public:
  enum class Fault : std::uint8_t {
    kNoSpace,      // "No space left on device"; nothing has changed
    kInputOutput,  // "Input/output error"; nothing has changed
    /// A write leaves a random part from its beginning and then has no space; anything else fails
    /// as by kInputOutput.
    kShortWrite,
  };
  enum class Lasts : std::uint8_t {
    kOnce,
    /// A disk that is full still reads, removes and syncs what it has; of one with kInputOutput
    /// nothing works.
    kFromThenOn,
  };

  /// `seed`: of how much a short write leaves.
  explicit SimulatedFiles(std::uint64_t seed = 1);
  ~SimulatedFiles() override;

  Result<std::unique_ptr<storage::File>> open(const std::string& path, Open how) override;
  Result<std::vector<std::string>> list(const std::string& directory) override;
  Result<void> make_directory(const std::string& path) override;
  Result<void> rename(const std::string& from, const std::string& to) override;
  Result<void> remove(const std::string& path) override;
  Result<void> sync_directory(const std::string& path) override;
  Result<std::unique_ptr<storage::FileLock>> lock(const std::string& path) override;

  // A file's write_zeros() over anything but zeros that were reserved is a logic_error.

  // --- what goes wrong ---

  /// Calls of the functions above and of those of files, so far: the number of the next one.
  [[nodiscard]] std::uint64_t operations() const;
  /// Called behind each of them, with what it was ("write to /data/…"), and not for those that are
  /// made by `told` itself. For a test of one thread; an empty function takes it back.
  void behind_each(std::function<void(std::string_view what)> told);
  /// The operation with that number fails. Replaces what was asked for before.
  void fail_at(std::uint64_t operation, Fault fault, Lasts lasts = Lasts::kOnce);
  /// From that operation on everything fails: "the machine has crashed". That operation itself may
  /// have been done, as one that was not synced; then crash() decides.
  void crash_at(std::uint64_t operation);
  /// Takes back what was asked for with fail_at() and crash_at().
  void heal();
  /// How many operations have failed by fail_at() or crash_at().
  [[nodiscard]] std::uint64_t faults() const;

  /// The machine stops and starts again. What was not synced is kept, lost or torn, each piece by
  /// itself, as `seed` has it (one seed in eight loses all of it, one keeps all): writes are torn
  /// at any byte or by sectors, a file's size goes without its contents, names come, go and change
  /// without one another. Files that were open never work again, locks are free, nothing fails any
  /// more. Whoever used the files must be gone, or must use nothing but files that it has open.
  void crash(std::uint64_t seed);

  // --- looking and meddling: no operations, never fail; a file that is not there is a logic_error
  // ---

  [[nodiscard]] bool exists(const std::string& path) const;
  /// Of all files, sorted.
  [[nodiscard]] std::vector<std::string> paths() const;
  /// Of all files together, with what was taken in advance.
  [[nodiscard]] std::uint64_t bytes() const;
  /// As a process reads it.
  [[nodiscard]] std::string contents(const std::string& path) const;
  /// What a crash cannot take, if it leaves the file's name.
  [[nodiscard]] std::string synced_contents(const std::string& path) const;
  /// On the disk at once, and so is all of its directory; both are made where missing.
  void set_contents(const std::string& path, std::string contents);
  /// With the file's contents, which are on the disk then.
  void flip(const std::string& path, std::uint64_t offset, std::uint8_t bits = 0xFF);
  void cut(const std::string& path, std::uint64_t size);
  /// The same files, synced or not, on a machine of their own: nothing is open, locked or to fail.
  [[nodiscard]] std::unique_ptr<SimulatedFiles> clone() const;

 private:
  class OpenFile;
  class HeldLock;
  class Operation;
  struct Disk;
  struct Node;
  struct Directory;
  using NodeId = std::uint64_t;

  /// What becomes of an operation.
  struct Fate {
    std::string why;  // it fails; empty where it does not
    bool is_done = true;
    bool is_short = false;
  };

  // All of these with `mutex_` held.
  Fate next_fate(bool takes_space);
  [[nodiscard]] Directory* directory_of(const std::string& path) const;
  [[nodiscard]] std::optional<NodeId> find(const std::string& path) const;
  [[nodiscard]] Node& node_of(const std::string& path) const;
  NodeId make_file(const std::string& path);
  void move_name(const std::string& from, const std::string& to, NodeId id);

  Result<std::size_t> read(const OpenFile& file, std::uint64_t offset, std::span<char> out);
  Result<void> write(const OpenFile& file, std::uint64_t offset,
                     std::span<const std::string_view> pieces);
  Result<void> write_zeros(const OpenFile& file, std::uint64_t offset, std::uint64_t bytes);
  Result<void> sync(const OpenFile& file);
  Result<void> resize(const OpenFile& file, std::uint64_t size, bool only_grow);
  Result<std::uint64_t> size(const OpenFile& file);
  void unlock(const HeldLock& lock);

  struct PlannedFault {
    std::uint64_t operation = 0;
    Fault fault = Fault::kNoSpace;
    Lasts lasts = Lasts::kOnce;
  };

  const std::uint64_t seed_;
  mutable std::mutex mutex_;
  std::unique_ptr<Disk> disk_;
  std::set<std::string> locked_;
  std::uint64_t starts_ = 0;  // of the machine; a file is of one of them
  std::uint64_t operations_ = 0;
  std::uint64_t faults_ = 0;
  std::function<void(std::string_view)> behind_each_;
  bool is_telling_ = false;
  std::optional<PlannedFault> fault_;
  std::optional<std::uint64_t> crash_at_;
};

}  // namespace appmem::test
