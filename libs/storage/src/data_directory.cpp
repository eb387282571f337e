#include "appmem/storage/data_directory.h"

#include <cstdlib>

#include <unistd.h>

#include "log_files.h"
#include "record_file.h"

namespace appmem::storage {
namespace {

/// The absolute path that the environment has there, or nothing.
std::string directory_in(const char* variable) {
  // NOLINTNEXTLINE(concurrency-mt-unsafe): see the function's contract
  const char* const value = std::getenv(variable);
  return value != nullptr && *value == '/' ? value : "";
}

}  // namespace

std::string default_data_dir(std::uint32_t uid) {
  if (uid == 0) return "/var/lib/appmem";
  if (const std::string state = directory_in("XDG_STATE_HOME"); !state.empty()) {
    return state + "/appmem";
  }
  // Whoever has become another user may have the home of the one before.
  const std::string home = directory_in("HOME");
  if (!home.empty() && ::access(home.c_str(), X_OK) == 0) return home + "/.local/state/appmem";
  return {};
}

std::optional<std::uint64_t> stored_hash_seed(FileSystem& files, const std::string& directory) {
  const auto listed = list_directory(files, directory);
  if (!listed) return std::nullopt;
  // A checkpoint without a seed means that this one is not to be used again.
  const auto& newest = listed->checkpoints.empty() ? listed->snapshots : listed->checkpoints;
  if (newest.empty()) return std::nullopt;
  const std::string path = directory + "/" + newest.back().name;
  const auto file = RecordFile::open(files, path, format::kCheckpointMagic);
  if (!file || file->header().hash_seed == 0) return std::nullopt;
  return file->header().hash_seed;
}

}  // namespace appmem::storage
