#include "appmem/base/process_usage.h"

#include <cstdio>
#include <memory>

#include <sys/resource.h>
#include <sys/utsname.h>
#include <unistd.h>

namespace appmem {
namespace {

std::chrono::microseconds microseconds_of(const timeval& time) {
  return std::chrono::seconds{time.tv_sec} + std::chrono::microseconds{time.tv_usec};
}

/// The second number of /proc/self/statm: resident pages.
std::uint64_t resident_pages() {
  const auto close = [](std::FILE* file) {
    std::fclose(file);
  };
  const std::unique_ptr<std::FILE, decltype(close)> file(std::fopen("/proc/self/statm", "re"),
                                                         close);
  unsigned long long size = 0;
  unsigned long long resident = 0;
  if (file == nullptr || std::fscanf(file.get(), "%llu %llu", &size, &resident) != 2) return 0;
  return resident;
}

}  // namespace

ProcessUsage process_usage() {
  ProcessUsage usage;
  const auto page_bytes = static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
  usage.resident_bytes = resident_pages() * page_bytes;
  if (const long pages = ::sysconf(_SC_PHYS_PAGES); pages > 0) {
    usage.machine_memory_bytes = static_cast<std::uint64_t>(pages) * page_bytes;
  }
  rusage used{};
  if (::getrusage(RUSAGE_SELF, &used) == 0) {
    usage.cpu_user = microseconds_of(used.ru_utime);
    usage.cpu_system = microseconds_of(used.ru_stime);
  }
  utsname system{};
  if (::uname(&system) == 0) {
    usage.system = std::string(system.sysname) + ' ' + system.release + ' ' + system.machine;
  }
  return usage;
}

}  // namespace appmem
