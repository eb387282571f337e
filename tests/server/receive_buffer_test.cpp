#include "receive_buffer.h"

#include <algorithm>
#include <string>

#include <gtest/gtest.h>

#include "appmem/base/units.h"
#include "appmem/protocol/codec.h"
#include "support/environment.h"
#include "support/random.h"

namespace appmem::server::test {
namespace {

class ReceiveBufferTest : public testing::Test {
 protected:
  void receive(std::string_view bytes) {
    while (!bytes.empty()) {
      const std::span<char> room = buffer_.prepare();
      ASSERT_FALSE(room.empty());
      const std::size_t n = std::min(room.size(), bytes.size());
      std::copy_n(bytes.begin(), n, room.begin());
      buffer_.commit(n);
      bytes.remove_prefix(n);
    }
  }

  MemoryBudget memory_{1_GiB};
  BufferPool pool_{memory_};
  ReceiveBuffer buffer_{pool_, memory_, 4_MiB};
};

TEST_F(ReceiveBufferTest, HoldsNoMemoryWhenItHoldsNothing) {
  EXPECT_EQ(buffer_.memory_bytes(), 0U);
  receive("request");
  EXPECT_GT(buffer_.memory_bytes(), kReceiveBlockBytes);
  buffer_.consume(7);
  buffer_.settle();
  EXPECT_EQ(buffer_.memory_bytes(), 0U);
  EXPECT_EQ(pool_.free_blocks(), 1U);
}

TEST_F(ReceiveBufferTest, AShortTailTakesItsOwnSize) {
  receive("request\nhal");
  buffer_.consume(8);
  buffer_.settle();
  EXPECT_EQ(buffer_.view(), "hal");
  EXPECT_EQ(buffer_.memory_bytes(), 3 + protocol::kInputPadding);
  EXPECT_EQ(pool_.free_blocks(), 1U);
  receive("f\n");
  EXPECT_EQ(buffer_.view(), "half\n");
  EXPECT_EQ(pool_.free_blocks(), 0U);
}

TEST_F(ReceiveBufferTest, HoldsAsMuchAsItMustAndGivesItBackForAnotherThreadToFree) {
  const std::string large(4_MiB, 'x');
  receive(large);
  EXPECT_EQ(buffer_.view(), large);
  EXPECT_GE(memory_.used(), 4_MiB);
  buffer_.consume(large.size() - 1);
  buffer_.settle();
  EXPECT_EQ(buffer_.view(), "x");
  EXPECT_LT(buffer_.memory_bytes(), 1_KiB);
  const auto retired = buffer_.take_retired();
  ASSERT_TRUE(retired);
  EXPECT_GE(retired->bytes(), 4_MiB);
  EXPECT_FALSE(buffer_.take_retired());
}

TEST_F(ReceiveBufferTest, OffersNoRoomBeyondItsLimit) {
  std::size_t held = 0;
  for (;;) {
    const std::span<char> room = buffer_.prepare();
    if (room.empty()) break;
    std::fill(room.begin(), room.end(), 'y');
    buffer_.commit(room.size());
    held += room.size();
    ASSERT_LT(held, 6_MiB);
  }
  EXPECT_GE(held, 4_MiB);
  EXPECT_EQ(buffer_.size(), held);
}

TEST_F(ReceiveBufferTest, ThePoolKeepsALimitedNumberOfBlocks) {
  std::vector<std::unique_ptr<char[]>> blocks;
  for (std::size_t i = 0; i < MemoryBudget::kFreeBlocksMax + 5; ++i)
    blocks.push_back(pool_.take());
  const std::uint64_t each = memory_.used() / blocks.size();
  for (auto& block : blocks)
    pool_.give_back(std::move(block));
  EXPECT_EQ(pool_.free_blocks(), MemoryBudget::kFreeBlocksMax);
  EXPECT_EQ(memory_.used(), each * MemoryBudget::kFreeBlocksMax);
}

TEST_F(ReceiveBufferTest, ThePoolKeepsNothingOfASmallBudget) {
  memory_.set_limit(64_MiB);
  std::unique_ptr<char[]> one = pool_.take();
  std::unique_ptr<char[]> two = pool_.take();
  const std::uint64_t each = memory_.used() / 2;
  pool_.give_back(std::move(one));
  pool_.give_back(std::move(two));
  EXPECT_EQ(pool_.free_blocks(), 1U);
  EXPECT_EQ(memory_.used(), each);
  // What was kept under a higher limit goes when it has been used once more.
  memory_.set_limit(1_MiB);
  pool_.give_back(pool_.take());
  EXPECT_EQ(pool_.free_blocks(), 0U);
  EXPECT_EQ(memory_.used(), 0U);
}

TEST_F(ReceiveBufferTest, KeepsItsBytesInOrderWhateverHappens) {
  appmem::test::Random random(1);
  std::string model;
  const std::uint64_t steps = 20'000 * appmem::test::test_scale();
  for (std::uint64_t step = 0; step < steps; ++step) {
    const std::uint64_t action = random.below(10);
    if (action < 5 && model.size() < 2_MiB) {
      const std::string bytes = random.bytes(random.below(random.one_in(50) ? 300'000 : 3'000));
      receive(bytes);
      model += bytes;
    } else if (action < 9) {
      const std::size_t n = random.one_in(3) ? model.size() : random.below(model.size() + 1);
      buffer_.consume(n);
      model.erase(0, n);
    } else {
      buffer_.settle();
      EXPECT_TRUE(!buffer_.take_retired() || model.size() < 2_MiB);
    }
    ASSERT_EQ(buffer_.view(), model);
    // What a codec may read behind it.
    volatile char sum = 0;
    if (!model.empty()) {
      for (std::size_t i = 0; i < protocol::kInputPadding; ++i)
        sum = static_cast<char>(sum ^ buffer_.view().data()[model.size() + i]);
    }
  }
  buffer_.release();
  EXPECT_EQ(buffer_.memory_bytes(), 0U);
  EXPECT_EQ(memory_.used(), pool_.free_blocks() * (kReceiveBlockBytes + protocol::kInputPadding));
}

}  // namespace
}  // namespace appmem::server::test
