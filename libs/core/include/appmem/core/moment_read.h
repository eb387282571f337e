#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string_view>

#include "appmem/base/error.h"
#include "appmem/base/units.h"
#include "appmem/core/keyspace.h"
#include "appmem/core/store.h"

namespace appmem::core {

/// Reads many keys of a namespace as they are at one moment, in slices between which everybody else
/// goes on: who changes a key that has not been read yet leaves behind what it was (decision 0015).
///
///   auto read = MomentRead::begin(store, ns, keys, {}, now);
///   for (; !*(*read)->run(now, steps); steps = 2'000) …;
///   (*read)->entry(0);
///
/// What it takes, and what it has read, is charged to the store's budget. It must not be used, and
/// not die, within an atomic step. The moment lies between its first run() and its last.
/// Thread safety: none. Lifetime: the store must outlive it.
class MomentRead {
 public:
  /// Keys that are together longer are not for this: they are copied at once.
  static constexpr std::size_t kKeyBytesMax = 8_MiB;

  struct Options {
    /// Values are kept; otherwise only whether the keys are there.
    bool values = true;
    /// It counts neither as hits or misses nor as accesses.
    bool peek = false;
    /// Once the values read come to more, each counted as often as its key is named, no more of
    /// them are kept: value_bytes() tells, and entry() must not be called.
    std::uint64_t value_bytes_max = UINT64_MAX;
  };

  /// Copies the keys; evicts to make room for them. Preconditions: at most kRequestKeysMax keys,
  /// kKeyBytesMax together, and the namespace is not persistent. Errors: kTooLarge (a key over the
  /// limit of keys), kOutOfMemory.
  static Result<std::unique_ptr<MomentRead>> begin(Store& store, NamespaceId ns,
                                                   std::span<const std::string_view> keys,
                                                   const Options& options, const Instant& now);
  MomentRead(const MomentRead&) = delete;
  MomentRead& operator=(const MomentRead&) = delete;
  ~MomentRead();

  /// Goes on until `steps` is used up, from which it takes what it has done (a step is some 100
  /// ns). True when all has been read; what follows may be asked then. Errors: kNotFound (the
  /// namespace is gone), kOutOfMemory (for what writers leave behind); it must not be run again.
  Result<bool> run(const Instant& now, std::size_t& steps);

  [[nodiscard]] std::size_t size() const;
  /// The entry of the key that was named at this place, if there was one. Without values, its key
  /// and version only. Lifetime: this object's.
  [[nodiscard]] std::optional<EntryView> entry(std::size_t index) const;
  /// How many of the places, and how many different keys, have an entry.
  [[nodiscard]] std::size_t found() const;
  [[nodiscard]] std::size_t found_keys() const;
  /// What the values come to, each counted as often as its key is named. At any time.
  [[nodiscard]] std::uint64_t value_bytes() const;
  /// What this object takes from the budget, large values aside. At any time.
  [[nodiscard]] std::size_t memory_bytes() const;

 private:
  struct Impl;
  explicit MomentRead(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace appmem::core
