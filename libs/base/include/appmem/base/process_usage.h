#pragma once

#include <chrono>
#include <cstdint>
#include <string>

namespace appmem {

/// What this process takes of the machine, and what there is.
struct ProcessUsage {
  std::uint64_t resident_bytes = 0;
  std::chrono::microseconds cpu_user{0};
  std::chrono::microseconds cpu_system{0};
  std::uint64_t machine_memory_bytes = 0;
  std::string system;  // "Linux 6.1.0 x86_64"
};

/// Asks the system. What it does not tell stays 0. Thread safety: all.
ProcessUsage process_usage();

}  // namespace appmem
