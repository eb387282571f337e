#include "appmem/core/prefetch.h"

#include <string>

#include <gtest/gtest.h>

#include "store_fixture.h"

namespace appmem::core {
namespace {

class PrefetchTest : public StoreTest {
 protected:
  static std::string key(std::size_t number) { return "key:" + std::to_string(number); }
};

TEST_F(PrefetchTest, ChangesNothingHoweverManyKeysAreAdded) {
  for (std::size_t i = 0; i < 50; ++i)
    ASSERT_TRUE(set(key(i), "value", 1s));
  clock_.advance(1s);  // they are over: whoever looks at one removes it
  const StoreStats before = store_->store_stats(now());
  Prefetch prefetch(*store_);
  for (std::size_t count = 0; count <= 100; ++count) {
    for (std::size_t i = 0; i < count; ++i)
      prefetch.add(ns_, key(i));
    prefetch.finish();
  }
  const StoreStats after = store_->store_stats(now());
  EXPECT_EQ(after.keys, before.keys);
  EXPECT_EQ(store_->namespace_info(ns_, now())->counters.gets, 0U);
  EXPECT_EQ(store_->namespace_info(ns_, now())->counters.expirations, 0U);
}

TEST_F(PrefetchTest, TakesKeysOfNamespacesThatNeverWereOrHaveGone) {
  const NamespaceId dropped = *store_->create_namespace("dropped", {}, now());
  Prefetch prefetch(*store_);
  prefetch.add(dropped, "added before");
  ASSERT_TRUE(store_->drop_namespace(dropped, now()));
  prefetch.add(dropped, "added behind");
  prefetch.add({1'023, 1}, "of the last there may be");
  prefetch.add({65'535, 1}, "of none there can be");
  prefetch.add(ns_, "not stored");
  prefetch.finish();
  EXPECT_EQ(store_->store_stats(now()).keys, 0U);
}

}  // namespace
}  // namespace appmem::core
