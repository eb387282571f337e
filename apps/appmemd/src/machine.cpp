#include "machine.h"

#include <algorithm>
#include <charconv>
#include <fstream>
#include <optional>
#include <string>
#include <system_error>
#include <thread>

#include <unistd.h>

#include "appmem/base/socket_path.h"
#include "appmem/base/units.h"
#include "appmem/storage/data_directory.h"

namespace appmem::daemon {
namespace {

namespace fs = std::filesystem;

constexpr std::uint64_t kMemoryUnknown = 1_GiB;

std::optional<std::uint64_t> leading_number(std::string_view text) {
  const std::size_t begin = text.find_first_not_of(" \t");
  if (begin == std::string_view::npos) return std::nullopt;
  text.remove_prefix(begin);
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{}) return std::nullopt;
  return value;
}

/// The number that a file of one line begins with; nothing for "max" or no file.
std::optional<std::uint64_t> number_in(const fs::path& file) {
  std::ifstream stream(file);
  std::string line;
  if (!std::getline(stream, line)) return std::nullopt;
  return leading_number(line);
}

std::optional<std::uint64_t> total_memory(const fs::path& root) {
  std::ifstream stream(root / "proc/meminfo");
  constexpr std::string_view kTotal = "MemTotal:";
  for (std::string line; std::getline(stream, line);) {
    if (!line.starts_with(kTotal)) continue;
    const auto kilobytes = leading_number(std::string_view(line).substr(kTotal.size()));
    if (kilobytes) return *kilobytes * 1024;
  }
  return std::nullopt;
}

/// The least limit of a group and those above it, below `mount`.
std::optional<std::uint64_t> group_limit(const fs::path& mount, const std::string& group,
                                         const char* file) {
  std::optional<std::uint64_t> least;
  fs::path folder = fs::path(group).relative_path();
  for (;;) {
    if (const auto limit = number_in(mount / folder / file)) {
      least = least ? std::min(*least, *limit) : *limit;
    }
    if (folder.empty()) return least;
    folder = folder.parent_path();
  }
}

std::optional<std::uint64_t> control_group_memory(const fs::path& root) {
  std::ifstream stream(root / "proc/self/cgroup");
  std::optional<std::uint64_t> least;
  for (std::string line; std::getline(stream, line);) {
    // ID:CONTROLLERS:PATH; version 2 has ID 0 and no controllers.
    const std::size_t first = line.find(':');
    const std::size_t second = first == std::string::npos ? first : line.find(':', first + 1);
    if (second == std::string::npos) continue;
    const std::string controllers = "," + line.substr(first + 1, second - first - 1) + ",";
    const std::string path = line.substr(second + 1);
    std::optional<std::uint64_t> limit;
    if (controllers == ",,") {
      limit = group_limit(root / "sys/fs/cgroup", path, "memory.max");
    } else if (controllers.find(",memory,") != std::string::npos) {
      limit = group_limit(root / "sys/fs/cgroup/memory", path, "memory.limit_in_bytes");
    }
    if (limit) least = least ? std::min(*least, *limit) : *limit;
  }
  return least;
}

}  // namespace

Machine read_machine(const fs::path& root) {
  Machine machine;
  machine.cores = std::max(1U, std::thread::hardware_concurrency());
  machine.memory_bytes = total_memory(root).value_or(kMemoryUnknown);
  if (const auto limit = control_group_memory(root)) {
    machine.memory_bytes = std::min(machine.memory_bytes, *limit);
  }
  std::error_code unknown;  // a directory that is gone: relative paths lead nowhere then
  machine.working_directory = fs::current_path(unknown).string();
  machine.default_socket = default_socket_path(SocketEnvironment::of_process());
  machine.default_data_dir = storage::default_data_dir(::geteuid());
  return machine;
}

}  // namespace appmem::daemon
