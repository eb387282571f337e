#include "repair_command.h"

#include <sys/random.h>
#include <sys/stat.h>

#include "appmem/base/check.h"
#include "appmem/base/time.h"
#include "appmem/storage/inspection.h"

namespace appmem::daemon {
namespace {

std::string counted(std::uint64_t count, const std::string& what) {
  return std::to_string(count) + " " + what + (count == 1 ? "" : "s");
}

std::string text_of(const storage::LostPart& part) {
  std::string text = "lost: ";
  if (part.file.empty()) {
    text += part.problem;
  } else {
    text += part.file;
    if (part.to != 0) {
      text += ", bytes " + std::to_string(part.from) + " to " + std::to_string(part.to);
    }
    text += ": " + part.problem;
  }
  if (part.first_missing == 0) return text + "\n";
  if (part.first_missing == part.last_missing) {
    return text + "; record " + std::to_string(part.first_missing) + " is missing\n";
  }
  return text + "; records " + std::to_string(part.first_missing) + " to " +
         std::to_string(part.last_missing) + " are missing\n";
}

std::string text_of(const storage::RepairReport& report, const std::string& directory) {
  if (!report.repaired) return directory + " is whole: there is nothing to repair\n";
  std::string text = "repaired " + directory + ": " + counted(report.records, "record") +
                     " of the log kept, and checkpoints and snapshots with " +
                     std::to_string(report.entries) + " entries\n";
  for (const storage::LostPart& part : report.lost)
    text += text_of(part);
  for (const std::string& remade : report.remade)
    text += remade + "\n";
  if (report.cut_bytes != 0) {
    text += "cut off: " + counted(report.cut_bytes, "byte") +
            " at the end of the log, which had not been written whole\n";
  }
  return text + "the files as they were are in " + directory + "/" + report.originals + "\n";
}

}  // namespace

Result<std::string> repair_data_dir(const std::string& directory) {
  if (directory.empty()) {
    return fail(ErrorCode::kNotFound, "you have no default data directory: write --data-dir DIR");
  }
  struct stat status {};
  if (::stat(directory.c_str(), &status) != 0) {
    return fail(ErrorCode::kNotFound,
                "there is no data directory " + directory + ": name it with --data-dir");
  }
  storage::RepairOptions options;
  APPMEM_CHECK(::getrandom(&options.seed, sizeof options.seed, 0) ==
               static_cast<ssize_t>(sizeof options.seed));
  const auto files = storage::make_system_files();
  SystemClock clock;
  const auto report = storage::repair(*files, directory, options, clock.now().wall);
  if (!report) return fail(report.error());
  return text_of(*report, directory);
}

}  // namespace appmem::daemon
