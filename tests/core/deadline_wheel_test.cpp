#include "deadline_wheel.h"

#include <algorithm>
#include <chrono>
#include <map>
#include <set>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "support/environment.h"
#include "support/random.h"

namespace appmem::core {
namespace {

using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;

constexpr TimePoint kStart{hours{24}};
constexpr milliseconds kResolution{32};
constexpr std::size_t kUnbounded = SIZE_MAX;
constexpr hours kYear{24 * 365};

/// Entries with deadlines, filed as a shard does it: the wheel's only contact with the world.
class DeadlineWheelTest : public ::testing::Test {
 protected:
  struct Entry {
    bool live = false;
    std::optional<TimePoint> deadline;
    DeadlineWheel::BucketId bucket = DeadlineWheel::kNoBucket;
    /// The deadline, or when it was set, where that was later.
    TimePoint due{};
  };

  Entry& at(Handle handle) {
    if (entries_.size() <= handle) entries_.resize(handle + 1);
    return entries_[handle];
  }

  void add(Handle handle, TimePoint deadline) {
    at(handle) = {true, deadline, wheel_.file(handle, deadline), std::max(deadline, now_)};
    due_at_.emplace(at(handle).due, handle);
  }

  /// The entry goes, or is overwritten by one without a deadline.
  void remove(Handle handle) {
    forget(handle);
    if (at(handle).deadline) wheel_.note_stale();
    at(handle) = {};
  }

  void overwrite(Handle handle, TimePoint deadline) {
    remove(handle);
    add(handle, deadline);
  }

  /// EXPIRE: a later deadline keeps its filing, an earlier one is filed anew.
  void move_deadline(Handle handle, TimePoint deadline) {
    forget(handle);
    Entry& entry = at(handle);
    if (deadline < *entry.deadline) {
      wheel_.note_stale();
      entry.bucket = wheel_.file(handle, deadline);
    }
    entry.deadline = deadline;
    entry.due = std::max(deadline, now_);
    due_at_.emplace(entry.due, handle);
  }

  DeadlineWheel::Verdict judge(Handle handle, DeadlineWheel::BucketId bucket) {
    EXPECT_NE(bucket, DeadlineWheel::kNoBucket);
    Entry& entry = at(handle);
    if (!entry.live || !entry.deadline || entry.bucket != bucket) {
      return DeadlineWheel::Verdict::stale();
    }
    entry.bucket = DeadlineWheel::kNoBucket;
    if (*entry.deadline > now_) return DeadlineWheel::Verdict::later(*entry.deadline);
    forget(handle);
    entry = {};
    expired_.push_back(handle);
    return DeadlineWheel::Verdict::due();
  }

  std::size_t advance(std::size_t budget = kUnbounded) {
    return wheel_.advance(
        now_, budget, [this](auto handle, auto bucket) { return judge(handle, bucket); },
        [this](auto handle, auto bucket) { at(handle).bucket = bucket; });
  }

  std::size_t sweep(std::size_t budget) {
    return wheel_.sweep(
        budget, [this](auto handle, auto bucket) { return judge(handle, bucket); },
        [this](auto handle, auto bucket) { at(handle).bucket = bucket; });
  }

  std::vector<Handle> expired() {
    std::sort(expired_.begin(), expired_.end());
    return std::exchange(expired_, {});
  }

  void forget(Handle handle) {
    if (at(handle).deadline) due_at_.erase({at(handle).due, handle});
  }

  /// The deadline that comes next, as the model knows it.
  [[nodiscard]] std::optional<TimePoint> first_deadline() const {
    if (due_at_.empty()) return std::nullopt;
    return due_at_.begin()->first;
  }

  TimePoint now_ = kStart;
  MemoryBudget budget_{1ULL << 40U};
  DeadlineWheel wheel_{budget_, kStart};
  std::vector<Entry> entries_;
  std::set<std::pair<TimePoint, Handle>> due_at_;
  std::vector<Handle> expired_;
};

TEST_F(DeadlineWheelTest, NewWheelHasNothingToDoAndTakesNoMemory) {
  EXPECT_EQ(advance(), 0U);
  EXPECT_EQ(sweep(10), 0U);
  EXPECT_EQ(wheel_.next_event(), std::nullopt);
  EXPECT_EQ(wheel_.lag(kStart + kYear), milliseconds{0});
  EXPECT_EQ(wheel_.memory_bytes(), 0U);
}

TEST_F(DeadlineWheelTest, FindsDeadlinesWithin32Milliseconds) {
  const std::vector<milliseconds> ttls{milliseconds{1},
                                       milliseconds{31},
                                       milliseconds{32},
                                       milliseconds{33},
                                       milliseconds{500},
                                       seconds{8},
                                       seconds{9},
                                       minutes{34},
                                       minutes{36},
                                       hours{3},
                                       hours{24 * 6},
                                       hours{24 * 7},
                                       kYear,
                                       5 * kYear,
                                       100 * kYear};
  for (std::size_t i = 0; i < ttls.size(); ++i) {
    add(static_cast<Handle>(i + 1), kStart + ttls[i]);
  }
  for (std::size_t i = 0; i < ttls.size(); ++i) {
    now_ = kStart + ttls[i] - milliseconds{1};
    advance();
    for (const Handle handle : expired())
      EXPECT_LE(handle, i) << "early";
    now_ = kStart + ttls[i] + kResolution;
    advance();
    expired();
    EXPECT_FALSE(at(static_cast<Handle>(i + 1)).live) << ttls[i].count();
  }
  EXPECT_EQ(wheel_.filings(), 0U);
}

TEST_F(DeadlineWheelTest, ABucketIsLeftAloneUntilItsTimeIsOver) {
  add(1, kStart + milliseconds{20});
  now_ = kStart + milliseconds{31};
  EXPECT_EQ(advance(), 0U);
  now_ = kStart + milliseconds{32};
  EXPECT_EQ(advance(), 1U);
  EXPECT_EQ(expired(), (std::vector<Handle>{1}));
}

TEST_F(DeadlineWheelTest, PastDeadlinesComeUpAtOnce) {
  now_ = kStart + hours{1};
  advance();
  add(1, now_);
  add(2, now_ - milliseconds{1});
  add(3, kStart);
  add(4, kStart - hours{1});
  add(5, TimePoint{});
  add(6, TimePoint::min());
  now_ += kResolution;
  advance();
  EXPECT_EQ(expired(), (std::vector<Handle>{1, 2, 3, 4, 5, 6}));
}

TEST_F(DeadlineWheelTest, DeadlinesBeyondTheEndWaitAtTheEnd) {
  add(1, TimePoint::max());
  add(2, kStart + 2000 * kYear);
  now_ = kStart + 1000 * kYear;
  EXPECT_LE(advance(), 20U);
  EXPECT_TRUE(expired().empty());
  EXPECT_EQ(wheel_.filings(), 2U);
}

TEST_F(DeadlineWheelTest, AJumpOfDaysIsAsCheapAsWhatIsDue) {
  for (Handle handle = 1; handle <= 1000; ++handle)
    add(handle, kStart + seconds{handle});
  add(2000, kStart + 50 * kYear);
  now_ += hours{24 * 20};
  // Each is judged once: what is due is not passed down from bucket to bucket.
  EXPECT_LE(advance(), 1001U);
  EXPECT_EQ(expired().size(), 1000U);
  EXPECT_TRUE(at(2000).live);
}

TEST_F(DeadlineWheelTest, WorkIsBoundedAndGoesOnWhereItStopped) {
  for (Handle handle = 1; handle <= 10'000; ++handle) {
    add(handle, kStart + hours{5} + milliseconds{handle % 100});
  }
  now_ += hours{6};
  std::size_t calls = 0;
  while (!due_at_.empty()) {
    const std::size_t judged = advance(100);
    EXPECT_LE(judged, 100U);
    EXPECT_EQ(expired().size(), judged);
    EXPECT_EQ(wheel_.lag(now_) > milliseconds{0}, !due_at_.empty());
    ++calls;
  }
  EXPECT_EQ(calls, 100U);
}

TEST_F(DeadlineWheelTest, ALaterDeadlineNeedsNoNewFiling) {
  add(1, kStart + seconds{1});
  move_deadline(1, kStart + hours{1});
  EXPECT_EQ(wheel_.filings(), 1U);
  now_ = kStart + minutes{59};
  advance();
  EXPECT_TRUE(at(1).live);
  now_ = kStart + hours{1} + kResolution;
  advance();
  EXPECT_EQ(expired(), (std::vector<Handle>{1}));
}

TEST_F(DeadlineWheelTest, AnEarlierDeadlineIsFiledAnewAndTheOldFilingIsStale) {
  add(1, kStart + hours{1});
  move_deadline(1, kStart + seconds{1});
  EXPECT_EQ(wheel_.filings(), 2U);
  EXPECT_EQ(wheel_.stale(), 1U);
  now_ = kStart + seconds{2};
  advance();
  EXPECT_EQ(expired(), (std::vector<Handle>{1}));
  now_ = kStart + hours{2};
  advance();
  EXPECT_TRUE(expired().empty());
  EXPECT_EQ(wheel_.filings(), 0U);
  EXPECT_EQ(wheel_.stale(), 0U);
}

TEST_F(DeadlineWheelTest, ASecondFilingInTheSameBucketIsHarmless) {
  const TimePoint deadline = kStart + seconds{100};
  add(1, deadline);
  overwrite(1, deadline);
  overwrite(1, deadline);
  EXPECT_EQ(wheel_.filings(), 3U);
  now_ = deadline + kResolution;
  advance();
  EXPECT_EQ(expired(), (std::vector<Handle>{1}));
  EXPECT_EQ(wheel_.filings(), 0U);
  EXPECT_EQ(wheel_.stale(), 0U);
}

TEST_F(DeadlineWheelTest, SweepDropsStaleFilingsAlsoThoseOfTheSameBucket) {
  for (Handle handle = 1; handle <= 100; ++handle) {
    for (int i = 0; i < 50; ++i)
      overwrite(handle, kStart + seconds{100});
  }
  EXPECT_EQ(wheel_.filings(), 5000U);
  EXPECT_TRUE(wheel_.needs_sweep());
  while (sweep(64) == 64) {
  }
  EXPECT_EQ(wheel_.filings(), 100U);
  EXPECT_EQ(wheel_.stale(), 0U);
  EXPECT_FALSE(wheel_.needs_sweep());
  now_ += seconds{101};
  advance();
  EXPECT_EQ(expired().size(), 100U);
}

TEST_F(DeadlineWheelTest, BucketsComeUpInTheMiddleOfTheirSweep) {
  for (Handle handle = 1; handle <= 3000; ++handle)
    add(handle, kStart + seconds{1});
  for (Handle handle = 1; handle <= 1500; ++handle)
    overwrite(handle, kStart + seconds{1});
  sweep(2000);
  now_ += seconds{2};
  advance();
  EXPECT_EQ(expired().size(), 3000U);
  EXPECT_EQ(wheel_.filings(), 0U);
  EXPECT_EQ(wheel_.stale(), 0U);
}

TEST_F(DeadlineWheelTest, ACountOfStaleFilingsThatIsTooHighEndsWithTheNextRound) {
  for (Handle handle = 1; handle <= 10; ++handle)
    add(handle, kStart + hours{1});
  for (int i = 0; i < 5000; ++i)
    wheel_.note_stale();
  EXPECT_TRUE(wheel_.needs_sweep());
  EXPECT_EQ(sweep(1000), 10U);
  EXPECT_FALSE(wheel_.needs_sweep());
  EXPECT_EQ(wheel_.filings(), 10U);
}

TEST_F(DeadlineWheelTest, LagIsTheAgeOfTheOldestBucketThatIsDue) {
  add(1, kStart + seconds{1});
  add(2, kStart + seconds{5});
  EXPECT_EQ(wheel_.lag(kStart), milliseconds{0});
  EXPECT_EQ(wheel_.lag(kStart + milliseconds{999}), milliseconds{0});
  const milliseconds lag = wheel_.lag(kStart + seconds{4});
  EXPECT_GE(lag, seconds{3});
  EXPECT_LE(lag, seconds{3} + kResolution);
  now_ = kStart + seconds{4};
  advance();
  EXPECT_EQ(wheel_.lag(now_), milliseconds{0});
}

TEST_F(DeadlineWheelTest, NextEventIsWhenADeadlineHasPassed) {
  add(1, kStart + seconds{1});
  ASSERT_TRUE(wheel_.next_event());
  now_ = *wheel_.next_event();
  EXPECT_GE(now_, kStart + seconds{1});
  EXPECT_LE(now_, kStart + seconds{1} + kResolution);
  advance();
  EXPECT_EQ(expired(), (std::vector<Handle>{1}));
  EXPECT_EQ(wheel_.next_event(), std::nullopt);
}

TEST_F(DeadlineWheelTest, FollowingNextEventFindsEveryDeadline) {
  test::Random random(5);
  for (Handle handle = 1; handle <= 2000; ++handle) {
    add(handle, kStart + milliseconds{random.below(std::uint64_t{1} << random.below(42))});
  }
  std::size_t events = 0;
  while (const auto event = wheel_.next_event()) {
    now_ = std::max(now_, *event);
    advance();
    ASSERT_TRUE(due_at_.empty() || *first_deadline() > now_ - kResolution);
    ASSERT_LT(++events, 20'000U);
  }
  EXPECT_EQ(expired().size(), 2000U);
}

TEST_F(DeadlineWheelTest, MemoryIsChargedInProportionAndGivenBack) {
  test::Random random(6);
  for (Handle handle = 1; handle <= 200'000; ++handle) {
    add(handle, kStart + milliseconds{random.below(3'600'000)});
  }
  EXPECT_EQ(budget_.used(), wheel_.memory_bytes());
  EXPECT_LE(wheel_.memory_bytes(), 200'000U * 5);
  now_ += hours{2};
  advance();
  EXPECT_EQ(expired().size(), 200'000U);
  EXPECT_LE(wheel_.memory_bytes(), 4096U);
  EXPECT_EQ(budget_.used(), wheel_.memory_bytes());
}

TEST_F(DeadlineWheelTest, TenMillionOverwritesLeakNothing) {
  constexpr Handle kKeys = 1000;
  std::size_t most = 0;
  for (std::uint32_t i = 0; i < 10'000'000; ++i) {
    const Handle handle = 1 + i % kKeys;
    Entry& entry = at(handle);
    // Without the model's set: this many would take too long.
    if (entry.live) wheel_.note_stale();
    const TimePoint deadline = now_ + seconds{1 + i % 7'000};
    entry = {true, deadline, wheel_.file(handle, deadline), deadline};
    if (wheel_.needs_sweep()) sweep(8);
    if (i % 10'000 == 0) now_ += milliseconds{1};
    most = std::max(most, wheel_.filings());
  }
  EXPECT_LE(most, 2 * (kKeys + kKeys / 2 + DeadlineWheel::kStaleSlack));
  EXPECT_LE(wheel_.memory_bytes(), 512U * 1024);
  now_ += hours{3};
  advance();
  EXPECT_EQ(wheel_.filings(), 0U);
}

/// Everything at once, for centuries of its own time, against a sorted set of deadlines.
TEST_F(DeadlineWheelTest, FindsWhatAModelFinds) {
  test::Random random(20'240'102);
  constexpr Handle kHandles = 3000;
  const auto some_ttl = [&] {
    return milliseconds{random.below(std::uint64_t{1} << random.between(1, 42))};
  };
  const std::uint64_t steps = 2'000'000 * test::test_scale();
  for (std::uint64_t step = 0; step < steps; ++step) {
    const auto handle = static_cast<Handle>(random.between(1, kHandles));
    const std::uint64_t dice = random.below(100);
    if (dice < 30) {
      overwrite(handle, now_ + some_ttl() - milliseconds{random.one_in(10) ? 5000 : 0});
    } else if (dice < 45) {
      remove(handle);
    } else if (dice < 55) {
      if (at(handle).live) move_deadline(handle, now_ + some_ttl());
    } else if (dice < 65) {
      sweep(random.below(100));
    } else if (dice < 85) {
      const std::size_t budget = random.below(50);
      EXPECT_LE(advance(budget), budget);
    } else if (dice < 97) {
      now_ += milliseconds{random.below(200)};
    } else {
      advance();
      // Nothing is left that passed a bucket's width ago, and nothing went early (see judge).
      ASSERT_TRUE(due_at_.empty() || *first_deadline() > now_ - kResolution);
      ASSERT_EQ(wheel_.lag(now_), milliseconds{0});
      // Jumps of up to eight years, within the thousand that the wheel has.
      if (random.one_in(20) && now_ < kStart + 500 * kYear) now_ += some_ttl() / 16;
    }
    if (wheel_.needs_sweep()) sweep(16);
    ASSERT_GE(wheel_.filings(), due_at_.size());
    ASSERT_LE(wheel_.filings(), 4 * (kHandles + DeadlineWheel::kStaleSlack));
    ASSERT_EQ(wheel_.memory_bytes(), budget_.used());
  }
  EXPECT_GT(expired().size(), 10'000U);
  now_ += 300 * kYear;
  advance();
  EXPECT_TRUE(due_at_.empty());
  EXPECT_EQ(wheel_.filings(), 0U);
  EXPECT_EQ(wheel_.stale(), 0U);
}

}  // namespace
}  // namespace appmem::core
