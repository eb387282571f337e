#pragma once

#include <atomic>
#include <cstdint>

namespace appmem::core {

/// A mutex that its holder may lock again, for locks that are nearly always free: an atomic
/// operation to lock, another to unlock, both inline (a std::recursive_mutex takes six times the
/// instructions, in calls). Who finds it taken sleeps in the kernel, after a few looks.
///
/// The three states are those of U. Drepper's "Futexes are tricky", mutex 3: the kernel is asked to
/// wake somebody only where somebody may sleep.
class ShardMutex {
 public:
  ShardMutex() = default;
  ShardMutex(const ShardMutex&) = delete;
  ShardMutex& operator=(const ShardMutex&) = delete;

  void lock() {
    if (!try_lock()) [[unlikely]]
      wait();
  }

  bool try_lock() {
    std::uint32_t expected = kFree;
    if (state_.compare_exchange_strong(expected, kLocked, std::memory_order_acquire,
                                       std::memory_order_relaxed)) [[likely]] {
      holder_.store(self(), std::memory_order_relaxed);
      return true;
    }
    if (holder_.load(std::memory_order_relaxed) != self()) return false;
    ++again_;
    return true;
  }

  void unlock() {
    if (again_ > 0) [[unlikely]] {
      --again_;
      return;
    }
    holder_.store(nullptr, std::memory_order_relaxed);
    if (state_.exchange(kFree, std::memory_order_release) == kAwaited) [[unlikely]]
      state_.notify_one();
  }

 private:
  static constexpr std::uint32_t kFree = 0;
  static constexpr std::uint32_t kLocked = 1;
  static constexpr std::uint32_t kAwaited = 2;  // locked, and somebody may sleep

  /// Tells threads apart.
  static const void* self() {
    // Not 0: of a program in which no thread's variable has a value, mold 1.10 may protect a page
    // before the first one, so that it does not start.
    static thread_local constinit char here = 1;
    return &here;
  }

  void wait() {
    while (state_.exchange(kAwaited, std::memory_order_acquire) != kFree)
      state_.wait(kAwaited, std::memory_order_relaxed);
    holder_.store(self(), std::memory_order_relaxed);
  }

  std::atomic<std::uint32_t> state_{kFree};
  /// How often the holder has locked it beyond once; the holder's.
  std::uint32_t again_ = 0;
  /// Whose self() it is; a thread can read its own here only while it holds the lock.
  std::atomic<const void*> holder_{nullptr};
};

}  // namespace appmem::core
