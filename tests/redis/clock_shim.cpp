// Preloaded into a server (LD_PRELOAD): its wall clock, and the clock that counts sleep, show what
// the file named by APPMEM_TEST_CLOCK holds, a number of milliseconds since 1970, and a part of the
// next one; they stand still until a test writes another number. Timers, which use other clocks, go
// on as they are.

#include <atomic>
#include <cerrno>
#include <cstdint>
#include <cstdlib>
#include <ctime>

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <unistd.h>

namespace {

constexpr std::int64_t kMicroseconds = 456;

std::int64_t now_ms() {
  static const auto* const kShown = [] {
    const char* const path = std::getenv("APPMEM_TEST_CLOCK");  // NOLINT(concurrency-mt-unsafe)
    const int fd = path == nullptr ? -1 : ::open(path, O_RDONLY | O_CLOEXEC);
    void* const page = ::mmap(nullptr, sizeof(std::int64_t), PROT_READ, MAP_SHARED, fd, 0);
    if (page == MAP_FAILED) std::abort();
    return static_cast<const std::atomic<std::int64_t>*>(page);
  }();
  return kShown->load();
}

}  // namespace

// The names of the parameters are the C library's business.
// NOLINTBEGIN(readability-inconsistent-declaration-parameter-name)
extern "C" {

int clock_gettime(clockid_t clock, timespec* time) {
  if (clock != CLOCK_REALTIME && clock != CLOCK_REALTIME_COARSE && clock != CLOCK_BOOTTIME) {
    return static_cast<int>(::syscall(SYS_clock_gettime, clock, time));
  }
  const std::int64_t ms = now_ms();
  time->tv_sec = ms / 1000;
  time->tv_nsec = ms % 1000 * 1'000'000 + kMicroseconds * 1000;
  return 0;
}

int gettimeofday(timeval* time, void* /*zone*/) {
  const std::int64_t ms = now_ms();
  time->tv_sec = ms / 1000;
  time->tv_usec = ms % 1000 * 1000 + kMicroseconds;
  return 0;
}

time_t time(time_t* result) {
  const time_t seconds = now_ms() / 1000;
  if (result != nullptr) *result = seconds;
  return seconds;
}
}
// NOLINTEND(readability-inconsistent-declaration-parameter-name)
