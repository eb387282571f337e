#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>

#include "appmem/base/error.h"
#include "appmem/core/keyspace.h"
#include "appmem/core/store.h"

namespace appmem::core {

/// Shows all entries of a namespace as they are at one moment, that of begin(), in slices between
/// which everybody else goes on: who changes an entry that has not been shown yet shows before that
/// what it was. Nothing is kept in memory for it. An entry whose deadline is changed meanwhile may
/// be shown several times: the first time as it was.
///
/// Thread safety: none, but `show` is called by whoever changes an entry as well. Lifetime: the
/// store must outlive it. It must not be used, and not die, within an atomic step.
class MomentScan {
 public:
  /// Called under a shard's lock, on any thread, also by several at once: it copies what it needs,
  /// and must not call the store.
  using Show = std::function<void(const EntryView&)>;

  /// Errors: kNotFound.
  static Result<std::unique_ptr<MomentScan>> begin(Store& store, NamespaceId ns, Show show);
  MomentScan(const MomentScan&) = delete;
  MomentScan& operator=(const MomentScan&) = delete;
  ~MomentScan();

  /// Looks at about `entries_max` entries, and shows no more once keys and values have come to
  /// `bytes_max`. True when all have been shown. Errors: kConflict: the namespace was cleared or
  /// dropped since begin(): what has been shown is of no use.
  Result<bool> run(std::size_t entries_max, std::uint64_t bytes_max, const Instant& now);

 private:
  struct Impl;
  explicit MomentScan(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace appmem::core
