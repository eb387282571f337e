#include "restore_queue.h"

#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include <gtest/gtest.h>

#include "appmem/base/units.h"
#include "support/manual_clock.h"
#include "support/random.h"

namespace appmem::storage {
namespace {

using appmem::test::ManualClock;
using appmem::test::Random;
using Content = std::map<std::string, std::string>;

class RestoreQueueTest : public testing::TestWithParam<std::size_t> {
 protected:
  void restore(RestoreQueue& queue, const std::string& key, const std::string& value,
               bool if_absent = false) {
    const core::EntryView entry{
        .key = key, .value = ValueView::from_bytes(value), .ticket = ++ticket_};
    ASSERT_TRUE(queue.restore(core::kDefaultNamespace, entry, if_absent));
    if (if_absent) {
      model_.try_emplace(key, value);
    } else {
      model_[key] = value;
    }
  }

  Content content() {
    Content found;
    for (core::ScanCursor cursor = 0;;) {
      const auto step = store_.scan(core::kDefaultNamespace, cursor, 1000, now_,
                                    [&](const core::EntryView& entry) {
                                      found[std::string(entry.key)] = entry.value.bytes;
                                      return true;
                                    });
      EXPECT_TRUE(step);
      if (!step || step->done) return found;
      cursor = step->next;
    }
  }

  ManualClock clock_;
  const Instant now_ = clock_.now();
  core::Store store_{{.max_memory_bytes = 64_MiB, .shards = 4, .seed = 5}, now_};
  Content model_;
  core::CommitTicket ticket_ = 0;
};

TEST_P(RestoreQueueTest, ChangesOfAKeyAreMadeInTheirOrder) {
  Random random(21);
  RestoreQueue queue(store_, now_, GetParam());
  for (int i = 0; i < 60'000; ++i) {
    const std::string key = "key" + std::to_string(random.below(9'000));
    if (random.one_in(4)) {
      ASSERT_TRUE(queue.remove(core::kDefaultNamespace, key, ++ticket_));
      model_.erase(key);
    } else {
      // Some of them are not copied, some fill a batch by themselves.
      const std::size_t bytes =
          random.one_in(2000) ? random.between(60'000, 70'000) : random.below(60);
      restore(queue, key, random.bytes(bytes), random.one_in(10));
    }
    if (random.one_in(20'000)) {
      ASSERT_TRUE(queue.drain());
      ASSERT_EQ(content(), model_);
    }
  }
  ASSERT_TRUE(queue.drain());
  EXPECT_EQ(content(), model_);
}

TEST_P(RestoreQueueTest, AnErrorIsToldAtTheEndAtTheLatest) {
  RestoreQueue queue(store_, now_, GetParam());
  const auto gone = store_.create_namespace("gone", {}, now_);
  ASSERT_TRUE(gone);
  ASSERT_TRUE(store_.drop_namespace(*gone, now_));
  const core::EntryView entry{.key = "key", .value = ValueView::from_bytes("value")};
  auto result = queue.restore(*gone, entry, false);
  if (result) result = queue.drain();
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, ErrorCode::kNotFound);
}

TEST_P(RestoreQueueTest, WhatWasNotDrainedMayBeGivenUp) {
  RestoreQueue queue(store_, now_, GetParam());
  for (int i = 0; i < 5'000; ++i)
    restore(queue, "key" + std::to_string(i), "value");
}

INSTANTIATE_TEST_SUITE_P(Threads, RestoreQueueTest, testing::Values(0, 1, 3));

}  // namespace
}  // namespace appmem::storage
