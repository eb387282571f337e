#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "appmem/storage/file_system.h"
#include "record.h"

namespace appmem::storage {

/// A file of a data directory, by its name.
struct NamedFile {
  std::string name;
  std::uint64_t sequence = 0;
  NamespaceNumber ns = 0;  // of a snapshot
};

/// What lies in a data directory.
struct DirectoryListing {
  std::vector<NamedFile> segments;     // ascending
  std::vector<NamedFile> checkpoints;  // ascending
  std::vector<NamedFile> snapshots;    // ascending by namespace, then sequence
  std::vector<std::string> unfinished;
  /// The mark of a repair that has begun and not ended: format::kRepairMoving or kRepairWriting.
  std::string repair;
};

/// What has a name of another form is left alone. Errors: as FileSystem::list.
Result<DirectoryListing> list_directory(FileSystem& files, const std::string& directory);

std::string segment_name(std::uint64_t first_sequence);
std::string checkpoint_name(std::uint64_t sequence);
std::string snapshot_name(NamespaceNumber ns, std::uint64_t sequence);

/// A file that is whole, but is not what its name or its directory says.
struct Misplaced {
  std::uint64_t at = 0;  // in the header
  const char* problem = "";
};
/// `directory`: the identity of the files read before; 0: there are none.
std::optional<Misplaced> misplaced(const NamedFile& named, const FileHeader& header,
                                   std::uint64_t directory);

/// Why a start refuses a directory with a DirectoryListing::repair.
Error unfinished_repair(const std::string& directory);

/// The whole file. Errors: as File::read_at.
Result<std::string> read_file(FileSystem& files, const std::string& path);

/// "<path>, byte 123: <what>; …": damage that stops a start, with the way on.
Error damage(const std::string& path, std::uint64_t offset, const std::string& what);

}  // namespace appmem::storage
