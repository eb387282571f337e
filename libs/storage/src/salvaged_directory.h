#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "appmem/base/function_ref.h"
#include "appmem/storage/inspection.h"
#include "log_files.h"
#include "salvage.h"

namespace appmem::storage {

/// All that is whole in a data directory, in the order in which a start reads it. Notes what is
/// lost, each time it is read.
/// Thread safety: none.
class SalvagedDirectory {
 public:
  using ShowPayload = FunctionRef<Result<void>(std::string_view payload)>;
  using ShowRecord = FunctionRef<Result<void>(std::uint64_t sequence, std::string_view payload)>;

  SalvagedDirectory(FileSystem& files, std::string directory)
      : files_(files), directory_(std::move(directory)) {}

  struct Content {
    /// What its end says; nothing where that is lost.
    std::optional<std::uint64_t> needed;
    bool whole = true;
  };
  /// Shows the payloads of a checkpoint's or snapshot's whole records. Errors: as Salvage's, or
  /// what `show` returned.
  Result<Content> read_content(const NamedFile& named, ShowPayload show);
  /// Shows the whole records of the log behind `checkpoint`. Errors: the same; kUnavailable: more
  /// are missing than can have been lost.
  Result<void> read_log(const std::vector<NamedFile>& segments, std::uint64_t checkpoint,
                        ShowRecord show);

  std::vector<LostPart> lost;
  /// Something is lost before what is shown.
  bool has_losses = false;
  std::uint64_t cut_bytes = 0;
  /// The highest one of the log: up to there all was on the disk.
  std::uint64_t mark = 0;
  /// Of the first file whose header is whole.
  std::optional<std::uint64_t> directory_id;

 private:
  Result<Salvage> open(const NamedFile& named, Salvage::Kind kind);
  Result<void> read_segment(const NamedFile& named, bool is_last, ShowRecord show);
  Result<void> end_log(const NamedFile& named);
  Result<void> note_missing(std::uint64_t to);
  void flush();

  FileSystem& files_;
  const std::string directory_;
  std::uint64_t last_ = 0;
  std::vector<LostPart> pending_;  // not yet known which records they have cost
};

}  // namespace appmem::storage
