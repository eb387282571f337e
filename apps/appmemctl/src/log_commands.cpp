#include <cstdlib>
#include <optional>
#include <string>

#include <nlohmann/json.hpp>
#include <unistd.h>

#include "appmem/protocol/error_table.h"
#include "appmem/storage/data_directory.h"
#include "appmem/storage/inspection.h"
#include "commands.h"
#include "print.h"
#include "progress.h"

namespace appmem::ctl {
namespace {

using nlohmann::json;
using protocol::kExitDone;
using protocol::kExitLocalFile;

constexpr std::string_view kFileColumns[] = {
    "file", "kind", "state", "records", "entries", "first", "last", "bytes",
};

std::string data_directory(const Invocation& invocation) {
  if (const std::string* named = invocation.find_own(kDataDirFlag)) return *named;
  // The daemon's variable. NOLINTNEXTLINE(concurrency-mt-unsafe): one thread
  const char* const variable = std::getenv("APPMEM_DATA_DIR");
  if (variable != nullptr && *variable != '\0') return variable;
  return storage::default_data_dir(::geteuid());
}

/// Names the one that is looked for, and is not there. Errors: kUnavailable.
Result<void> check_directory(storage::FileSystem& files, const std::string& directory) {
  if (directory.empty()) {
    return fail(ErrorCode::kNotFound, "you have no default data directory: write --data-dir DIR");
  }
  const auto names = files.list(directory);
  if (!names) return fail(names.error());
  if (!names->empty()) return {};
  return fail(ErrorCode::kNotFound,
              "there is no data directory " + directory + ": name the daemon's with --data-dir");
}

json row_of(const storage::InspectedFile& file) {
  json row = {{"file", file.name},
              {"kind", storage::inspected_kind_name(file.kind)},
              {"state", storage::inspected_state_name(file.state)},
              {"needed", file.needed},
              {"records", file.records},
              {"operations", file.operations},
              {"entries", file.entries},
              {"first", file.first_sequence},
              {"last", file.last_sequence},
              {"bytes", file.bytes},
              {"end", file.end}};
  if (!file.problem.empty()) row["problem"] = file.problem;
  return row;
}

/// What people want to know of a file besides the table.
std::string remark_on(const storage::InspectedFile& file) {
  using State = storage::InspectedFile::State;
  if (file.state == State::kWhole) return {};
  const std::string where = file.name + ", byte " + std::to_string(file.end) + ": " + file.problem;
  if (file.state == State::kTorn) {
    return where + " (the torn end of the log, which a start cuts off)\n";
  }
  return where + (file.needed ? "\n" : " (not needed by a start)\n");
}

void print_inspection(Output& out, const storage::Inspection& found) {
  json rows = json::array();
  for (const storage::InspectedFile& file : found.files)
    rows.push_back(row_of(file));
  const std::string text = rows.dump(-1, ' ', false, json::error_handler_t::replace);
  const auto table = client::JsonView::parse(text);
  if (table && !found.files.empty()) print_table(out, *table, kFileColumns);
  for (const storage::InspectedFile& file : found.files)
    out.write_stored(remark_on(file));
  if (!found.damage.empty()) return;
  out.write("whole: " + std::to_string(found.files.size()) + " files, " +
            std::to_string(found.records) + " records, " + std::to_string(found.bytes) +
            " bytes\n");
}

void print_json(Output& out, const storage::Inspection& found) {
  json answer = {{"whole", found.damage.empty()},
                 {"bytes", found.bytes},
                 {"records", found.records},
                 {"operations", found.operations},
                 {"last_sequence", found.last_sequence}};
  if (!found.damage.empty()) answer["message"] = found.damage;
  answer["files"] = json::array();
  for (const storage::InspectedFile& file : found.files)
    answer["files"].push_back(row_of(file));
  out.write(answer.dump(-1, ' ', false, json::error_handler_t::replace) + "\n");
}

}  // namespace

int run_log_verify(Context& context, const Invocation& invocation) {
  const std::string directory = data_directory(invocation);
  const auto files = storage::make_system_files();
  if (const auto there = check_directory(*files, directory); !there) {
    return report_local(there.error(), kExitLocalFile);
  }
  std::string of_all;
  std::optional<Progress> progress;
  const auto found = storage::verify(*files, directory, [&](std::uint64_t done, std::uint64_t all) {
    if (!progress) {
      of_all = "of " + std::to_string(all) + " bytes";
      progress.emplace(of_all, true);
    }
    progress->show(done);
    return true;
  });
  progress.reset();
  if (!found) return report_local(found.error(), kExitLocalFile);
  if (context.json) {
    print_json(context.out, *found);
  } else {
    print_inspection(context.out, *found);
  }
  context.out.flush();
  if (found->damage.empty()) return kExitDone;
  return report_local({ErrorCode::kUnavailable, found->damage, std::nullopt}, kExitLocalFile);
}

int run_log_dump(Context& context, const Invocation& invocation) {
  const std::string directory = data_directory(invocation);
  const auto files = storage::make_system_files();
  if (const auto there = check_directory(*files, directory); !there) {
    return report_local(there.error(), kExitLocalFile);
  }
  const storage::DumpOptions options{.values = invocation.find_own(kValuesFlag) != nullptr,
                                     .json = context.json};
  const auto dumped = storage::dump(*files, directory, options, [&](std::string_view line) {
    context.out.write(line);
    context.out.write("\n");
    return true;
  });
  return dumped ? kExitDone : report_local(dumped.error(), kExitLocalFile);
}

}  // namespace appmem::ctl
