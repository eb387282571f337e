#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "appmem/base/error.h"
#include "appmem/base/time.h"
#include "appmem/storage/file_system.h"

/// Looking at a data directory, and mending it, without a store. In as much memory as the longest
/// record needs.
namespace appmem::storage {

/// Told now and then how many bytes of all have been read; false: give up.
using InspectionProgress = std::function<bool(std::uint64_t done, std::uint64_t all)>;

/// A file of a data directory, as a start finds it.
struct InspectedFile {
  enum class Kind : std::uint8_t { kSegment, kCheckpoint, kSnapshot, kUnfinished };
  enum class State : std::uint8_t {
    kWhole,
    kTorn,     // the end of the last segment, which was not written whole: a start cuts it off
    kDamaged,  // a start refuses it, where it needs it
  };
  std::string name;
  Kind kind = Kind::kSegment;
  State state = State::kWhole;
  /// False: it is there no longer than the next start, which does not read it.
  bool needed = false;
  std::uint64_t bytes = 0;
  std::uint64_t records = 0;     // that are whole; without marks and ends
  std::uint64_t operations = 0;  // in them
  std::uint64_t entries = 0;     // of them, those that store a value
  /// Of a segment, its first and last record's; of the others, that in the name, twice.
  std::uint64_t first_sequence = 0;
  std::uint64_t last_sequence = 0;
  /// Where its records end; of one that is torn or damaged, where that begins.
  std::uint64_t end = 0;
  std::string problem = {};
};

std::string_view inspected_kind_name(InspectedFile::Kind kind);
std::string_view inspected_state_name(InspectedFile::State state);

struct Inspection {
  /// Checkpoints, segments, snapshots, and what was being written; each in the order of their
  /// numbers.
  std::vector<InspectedFile> files;
  std::uint64_t bytes = 0;
  std::uint64_t records = 0;
  std::uint64_t operations = 0;
  /// Of the log's end.
  std::uint64_t last_sequence = 0;
  /// Why a start would refuse the directory, as it says it. Empty: it would not.
  std::string damage;
};

/// Reads all files, their checksums and operations, and judges them by the rules of a start. A
/// daemon may be using the directory: what goes meanwhile is no damage. A directory that is not
/// there has no files. Errors: kUnavailable: a file cannot be read; kBusy: a daemon replaces files
/// faster than they can be read; kTimeout: `progress` gave up; kOutOfMemory: for a compressed
/// value.
Result<Inspection> verify(FileSystem& files, const std::string& directory,
                          const InspectionProgress& progress = {});

struct DumpOptions {
  /// Also values, up to so many bytes of each.
  bool values = false;
  std::size_t value_bytes_max = 64;
  /// A JSON object a line instead of text for people.
  bool json = false;
};

/// Shows every record and operation as a line, which has no line end and no byte that is not
/// printable ASCII (JSON: UTF-8), until `show` returns false. Goes on behind damage, which is a
/// line as well. Errors: kUnavailable: a file cannot be read; kOutOfMemory: for a compressed value.
Result<void> dump(FileSystem& files, const std::string& directory, const DumpOptions& options,
                  const std::function<bool(std::string_view line)>& show);

struct RepairOptions {
  std::uint64_t segment_bytes = std::uint64_t{64} << 20U;
  /// Of salts. Random in production.
  std::uint64_t seed = 0;
};

/// What a repair could not keep.
struct LostPart {
  /// Empty: there is no file with the records.
  std::string file = {};
  std::uint64_t from = 0;
  std::uint64_t to = 0;
  std::string problem = {};
  /// The records of the log that are missing for it; 0 and 0: none.
  std::uint64_t first_missing = 0;
  std::uint64_t last_missing = 0;
};

struct RepairReport {
  /// False: it was whole, and nothing has been done.
  bool repaired = false;
  /// The folder with the files as they were, below the directory.
  std::string originals;
  std::uint64_t records = 0;  // of the log, that were kept
  std::uint64_t entries = 0;  // of checkpoints and snapshots, that were kept
  std::vector<LostPart> lost;
  /// Namespaces whose making, or getting a log, was lost, as sentences that name what they are
  /// called now.
  std::vector<std::string> remade;
  /// Where the end of the log was cut off because it had not been written whole: no loss.
  std::uint64_t cut_bytes = 0;
};

/// Makes a directory that a start refuses one that it does not, with all whole records that there
/// are (docs/formats/log.md, "Repair"). Nothing is deleted: the files as they were lie in a folder
/// of their own afterwards. One that has been interrupted is begun again by the next call.
/// Errors: kBusy: a daemon uses the directory; kUnavailable: a file cannot be read or written, or
/// is of a version that this program does not know; the files as they were are all still there.
Result<RepairReport> repair(FileSystem& files, const std::string& directory,
                            const RepairOptions& options, WallTime now);

}  // namespace appmem::storage
