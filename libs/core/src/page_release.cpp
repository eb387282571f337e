#include "page_release.h"

#include <atomic>
#include <utility>

#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "appmem/base/check.h"

namespace appmem::core {
namespace {

/// PIDFD_SELF_THREAD_GROUP: this process, without a descriptor that a fork would make another's.
constexpr int kThisProcess = -10001;

/// Cleared when the system turns out not to know the call, or not for this advice.
std::atomic<bool> together_works{true};

}  // namespace

void PageRelease::add(char* begin, std::size_t bytes) {
  APPMEM_CHECK(!full());
  ranges_[count_++] = {begin, bytes};
}

std::size_t PageRelease::release() {
  std::size_t done =
      count_ > 1 && together_works.load(std::memory_order_relaxed) ? release_together() : 0;
  // One after the other, also to find out which one the system refuses.
  while (done < count_ &&
         ::madvise(ranges_[done].iov_base, ranges_[done].iov_len, MADV_DONTNEED) == 0) {
    ++done;
  }
  count_ = 0;
  return done;
}

/// Returns how many ranges are given back whole. Giving one back again that was half done does no
/// harm.
std::size_t PageRelease::release_together() {
#ifdef SYS_process_madvise
  const long advised =
      ::syscall(SYS_process_madvise, kThisProcess, ranges_.data(), count_, MADV_DONTNEED, 0U);
  if (advised < 0) {
    together_works.store(false, std::memory_order_relaxed);
    return 0;
  }
  auto left = static_cast<std::size_t>(advised);
  std::size_t whole = 0;
  while (whole < count_ && ranges_[whole].iov_len <= left)
    left -= ranges_[whole++].iov_len;
  return whole;
#else
  return 0;
#endif
}

}  // namespace appmem::core
