// A data directory as version 1 of the format has it, kept for ever: any later program reads it.

#include <filesystem>
#include <fstream>
#include <iterator>

#include <gmock/gmock.h>

#include "appmem/storage/inspection.h"
#include "log_format.h"
#include "sample_directory.h"
#include "support/environment.h"

namespace appmem::storage::test {
namespace {

using appmem::test::ManualClock;
using appmem::test::SimulatedFiles;

std::filesystem::path data_directory() {
  return appmem::test::source_dir() / "tests/data/format1";
}

/// With APPMEM_WRITE_FORMAT1=1 in the environment the directory is made again. That is for a change
/// of SampleDirectory only, and never once this version has been released.
void write_if_asked() {
  if (appmem::test::environment("APPMEM_WRITE_FORMAT1", "") != "1") return;
  Machine machine;
  const SampleDirectory sample(machine);
  ASSERT_TRUE(machine.stop());
  std::filesystem::remove_all(data_directory());
  std::filesystem::create_directories(data_directory());
  for (const std::string& path : machine.files->paths()) {
    const std::string name = path.substr(path.rfind('/') + 1);
    if (name == format::kLockName) continue;
    std::ofstream(data_directory() / name, std::ios::binary) << machine.files->contents(path);
  }
}

std::unique_ptr<SimulatedFiles> read_files() {
  auto files = std::make_unique<SimulatedFiles>();
  for (const auto& entry : std::filesystem::directory_iterator(data_directory())) {
    std::ifstream stream(entry.path(), std::ios::binary);
    files->set_contents(std::string(Machine::kDirectory) + "/" + entry.path().filename().string(),
                        {std::istreambuf_iterator<char>(stream), {}});
  }
  return files;
}

TEST(Format1Test, ADirectoryOfTheFirstVersionIsRead) {
  write_if_asked();
  Machine machine(read_files());
  const auto verified = verify(*machine.files, Machine::kDirectory);
  ASSERT_TRUE(verified);
  EXPECT_EQ(verified->damage, "");
  machine.must_start();
  Kept kept = machine.kept();
  // What time it is depends on the clock's start alone.
  const auto until = [](auto after) {
    return std::optional(ManualClock::kStartMono + after);
  };
  const std::string bytes("\0\xff\x80 bytes", 9);
  struct Expected {
    const char* ns;
    std::string key;
    ValueKind kind;
    std::string text;
    std::optional<TimePoint> deadline;
  };
  const Expected expected[] = {
      {"ledger", "old", ValueKind::kBytes, "from before the checkpoint", std::nullopt},
      {"ledger", "changed", ValueKind::kBytes, "2", std::nullopt},
      {"ledger", "n", ValueKind::kInteger, "-42", std::nullopt},
      {"ledger", "j", ValueKind::kJson, R"({"a":[1,2]})", std::nullopt},
      {"ledger", "short", ValueKind::kBytes, "v", until(2h)},
      {"ledger", bytes, ValueKind::kBytes, bytes, std::nullopt},
      {"ledger", "b1", ValueKind::kBytes, "both", std::nullopt},
      {"ledger", "last", ValueKind::kBytes, std::string(100, 'z'), std::nullopt},
      {"cleared", "after", ValueKind::kBytes, "v", std::nullopt},
      {"cleared", "b2", ValueKind::kBytes, "or none", std::nullopt},
      {"made", "n", ValueKind::kInteger, "7", std::nullopt},
      {"shots", "s1", ValueKind::kBytes, "in a snapshot", std::nullopt},
      {"shots", "s2", ValueKind::kBytes, "until the end of the day", until(24h)},
  };
  for (const Expected& entry : expected) {
    const auto found = kept[entry.ns].entries.find(entry.key);
    ASSERT_NE(found, kept[entry.ns].entries.end()) << entry.ns << " " << entry.key;
    EXPECT_EQ(found->second.kind, entry.kind) << entry.key;
    EXPECT_EQ(found->second.text, entry.text) << entry.key;
    EXPECT_EQ(found->second.deadline, entry.deadline) << entry.key;
    EXPECT_GT(found->second.version, 0U);
    kept[entry.ns].entries.erase(found);
  }
  for (const auto& [name, ns] : kept)
    EXPECT_TRUE(ns.entries.empty()) << name << " " << ns.entries.begin()->first;
  EXPECT_EQ(kept.size(), 4U);
  EXPECT_EQ(kept["ledger"].max_keys, 1000U);
  EXPECT_EQ(kept["made"].max_keys, 100U);
  EXPECT_EQ(kept["made"].type, static_cast<int>(core::ValueType::kInt));
  EXPECT_EQ(kept["shots"].persist, static_cast<int>(core::Persistence::kSnapshot));
}

}  // namespace
}  // namespace appmem::storage::test
