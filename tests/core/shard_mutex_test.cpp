#include "shard_mutex.h"

#include <cstddef>
#include <mutex>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

namespace appmem::core {
namespace {

bool another_thread_gets(ShardMutex& mutex) {
  bool got = false;
  std::thread([&] {
    got = mutex.try_lock();
    if (got) mutex.unlock();
  }).join();
  return got;
}

TEST(ShardMutexTest, ItsHolderMayLockItAgainAndNobodyElse) {
  ShardMutex mutex;
  mutex.lock();
  EXPECT_TRUE(mutex.try_lock());
  mutex.lock();
  for (int held = 3; held > 0; --held) {
    EXPECT_FALSE(another_thread_gets(mutex)) << held;
    mutex.unlock();
  }
  EXPECT_TRUE(another_thread_gets(mutex));
  EXPECT_TRUE(mutex.try_lock());
  mutex.unlock();
}

TEST(ShardMutexTest, EveryOneWhoWaitsGetsItAndSeesWhatWasDone) {
  constexpr std::size_t kThreads = 4;
  constexpr std::size_t kRounds = 20'000;
  ShardMutex mutex;
  std::size_t count = 0;
  std::vector<std::thread> threads;
  threads.reserve(kThreads);
  for (std::size_t t = 0; t < kThreads; ++t) {
    threads.emplace_back([&] {
      for (std::size_t i = 0; i < kRounds; ++i) {
        const std::lock_guard lock(mutex);
        const std::lock_guard again(mutex);
        ++count;
      }
    });
  }
  for (std::thread& thread : threads)
    thread.join();
  EXPECT_EQ(count, kThreads * kRounds);
}

}  // namespace
}  // namespace appmem::core
