#pragma once

#include <algorithm>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "log_files.h"
#include "record.h"
#include "salvaged_directory.h"

namespace appmem::storage {

/// A namespace whose making is lost, and that is made again.
struct Remade {
  std::string name;
  core::NamespaceSettings settings{.persist = core::Persistence::kWal,
                                   .eviction = core::Eviction::kNone};
  bool has_settings = false;  // as a later change of them says
};

/// A namespace that was kept as snapshots and got a log by a record that is lost.
struct Relogged {
  NamespaceNumber ns = 0;
  std::string name;
  core::NamespaceSettings settings{};
};

/// What a repair finds, and what it makes of it.
struct RepairPlan {
  DirectoryListing listing;
  std::optional<std::uint64_t> directory_id;
  std::optional<NamedFile> checkpoint;
  std::uint64_t checkpoint_needs = 0;
  /// One of each namespace. Of these and the checkpoint the sequence is what the header says.
  std::vector<NamedFile> snapshots;
  /// The first and last record of the log that is behind the checkpoint and whole; 0: there is
  /// none.
  std::uint64_t first = 0;
  std::uint64_t last = 0;
  /// Up to here sequence numbers are in use.
  std::uint64_t used = 0;
  std::map<NamespaceNumber, Remade> remade;
  /// They get their log again with the record that shows it: its number.
  std::map<std::uint64_t, std::vector<Relogged>> relogged;
  std::uint64_t records = 0;  // of the log
  std::vector<LostPart> lost;
  std::uint64_t cut_bytes = 0;

  [[nodiscard]] std::uint64_t old_checkpoint_sequence() const {
    return checkpoint ? checkpoint->sequence : 0;
  }
  /// The new log begins behind it.
  [[nodiscard]] std::uint64_t checkpoint_sequence() const {
    if (first == 0) return std::max(used, old_checkpoint_sequence());
    return std::max(old_checkpoint_sequence(), first - 1);
  }
  [[nodiscard]] bool has_checkpoint() const {
    return checkpoint || !remade.empty() || checkpoint_sequence() > 0;
  }
};

/// Reads everything once. Errors: as SalvagedDirectory's.
Result<RepairPlan> plan_repair(FileSystem& files, const std::string& directory);

}  // namespace appmem::storage
