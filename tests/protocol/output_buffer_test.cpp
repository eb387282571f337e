#include "appmem/protocol/output_buffer.h"

#include <algorithm>
#include <cstring>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "appmem/base/units.h"
#include "support/environment.h"
#include "support/random.h"

namespace appmem::protocol {
namespace {

class OutputBufferTest : public testing::Test {
 protected:
  explicit OutputBufferTest(bool with_pool = false)
      : buffer_(&budget_, with_pool ? &chunks_ : nullptr) {}

  /// What is waiting, up to a position.
  std::string text(std::uint64_t limit = ~std::uint64_t{0}) {
    std::vector<std::string_view> pieces;
    buffer_.gather(limit, 1'000'000, pieces);
    std::string all;
    for (const std::string_view piece : pieces)
      all += piece;
    return all;
  }
  void behaves_like_a_string();
  SharedBytes shared(std::string_view bytes) {
    SharedBytes blob = pool_.try_allocate(bytes.size());
    std::memcpy(blob.writable().data(), bytes.data(), bytes.size());
    return blob;
  }

  MemoryBudget budget_{1_GiB};
  MemoryBudget blob_budget_{1_GiB};
  BlobPool pool_{blob_budget_};
  MemoryBudget chunk_budget_{1_GiB};
  ChunkPool chunks_{chunk_budget_};
  OutputBuffer buffer_;
};

class OutputBufferWithPoolTest : public OutputBufferTest {
 protected:
  OutputBufferWithPoolTest() : OutputBufferTest(true) {}
};

void OutputBufferTest::behaves_like_a_string() {
  test::Random random(1);
  std::string model;
  std::uint64_t consumed = 0;
  for (std::uint64_t i = 0; i < 3'000 * test::test_scale(); ++i) {
    const std::string bytes(random.below(100) == 0 ? random.below(200'000) : random.below(300),
                            static_cast<char>('a' + i % 26));
    switch (random.below(8)) {
      case 0:
      case 1:
      case 2:
        buffer_.append(bytes);
        model += bytes;
        break;
      case 3: {
        const std::size_t used = random.below(bytes.size() + 1);
        std::copy_n(bytes.begin(), used, buffer_.prepare(bytes.size()));
        buffer_.commit(used);
        model += bytes.substr(0, used);
        break;
      }
      case 4: {
        const SharedBytes blob = shared(bytes + ".");
        buffer_.append_shared(blob, blob.view());
        model += bytes + ".";
        break;
      }
      case 5: {
        const std::size_t kept = random.below(model.size() + 1);
        buffer_.truncate(consumed + kept);
        model.resize(kept);
        break;
      }
      case 6: {
        const std::size_t sent =
            random.below(3) == 0 ? model.size() : random.below(model.size() + 1);
        buffer_.consume(sent);
        model.erase(0, sent);
        consumed += sent;
        break;
      }
      default:
        buffer_.shrink();
        break;
    }
    ASSERT_EQ(buffer_.size(), model.size()) << "step " << i;
    ASSERT_EQ(buffer_.begin_position(), consumed);
    ASSERT_EQ(text(), model) << "step " << i;
    ASSERT_EQ(budget_.used(), buffer_.memory_bytes());
    while (pool_.reclaim(1_MiB)) {
    }
  }
}

TEST_F(OutputBufferTest, AnEmptyOneOwnsNothing) {
  EXPECT_TRUE(buffer_.empty());
  EXPECT_EQ(buffer_.memory_bytes(), 0U);
  EXPECT_EQ(budget_.used(), 0U);
}

TEST_F(OutputBufferTest, WhatIsAppendedComesOutInOrder) {
  buffer_.append("one ");
  buffer_.append('2');
  std::memcpy(buffer_.prepare(100), " three", 6);
  buffer_.commit(6);
  EXPECT_EQ(text(), "one 2 three");
  EXPECT_EQ(buffer_.size(), 11U);
}

TEST_F(OutputBufferTest, MoreThanAChunkIsKeptWhole) {
  const std::string large(3 * OutputBuffer::kChunkBytesMax, 'x');
  buffer_.append("begin ");
  buffer_.append(large);
  buffer_.append(" end");
  EXPECT_EQ(text(), "begin " + large + " end");
}

TEST_F(OutputBufferTest, ASmallAnswerTakesASmallChunk) {
  buffer_.append("{}");
  EXPECT_LE(buffer_.memory_bytes(), OutputBuffer::kChunkBytesMin + 128);
  EXPECT_EQ(budget_.used(), buffer_.memory_bytes());
}

TEST_F(OutputBufferTest, AChunkIsKeptForTheNextAnswerUntilItIsShrunk) {
  for (int i = 0; i < 100; ++i) {
    buffer_.append(std::string(1000, 'x'));
    buffer_.consume(1000);
  }
  EXPECT_LE(buffer_.memory_bytes(), OutputBuffer::kChunkBytesMin + 128);
  buffer_.shrink();
  EXPECT_EQ(buffer_.memory_bytes(), 0U);
  EXPECT_EQ(budget_.used(), 0U);
  EXPECT_EQ(buffer_.end_position(), 100'000U);
  buffer_.append("again");
  EXPECT_EQ(text(), "again");
}

TEST_F(OutputBufferTest, ShrinkLeavesWhatIsWaiting) {
  buffer_.append("waiting");
  buffer_.shrink();
  EXPECT_EQ(text(), "waiting");
}

TEST_F(OutputBufferTest, AVeryLargeChunkIsNotKept) {
  constexpr std::size_t kBytes = 4 * OutputBuffer::kChunkBytesMax;
  std::fill_n(buffer_.prepare(kBytes), kBytes, 'x');
  buffer_.commit(kBytes);
  buffer_.consume(buffer_.size());
  EXPECT_EQ(buffer_.memory_bytes(), 0U);
  EXPECT_EQ(buffer_.end_position(), buffer_.begin_position());
}

TEST_F(OutputBufferTest, ALargeValueIsNotCopiedAndLivesUntilItIsSent) {
  const std::string value(300'000, 'v');
  buffer_.append("<");
  {
    const SharedBytes blob = shared(value);
    buffer_.append_shared(blob, blob.view());
  }
  buffer_.append(">");
  EXPECT_LT(buffer_.memory_bytes(), 20'000U);
  EXPECT_EQ(text(), "<" + value + ">");
  buffer_.consume(1 + value.size());
  EXPECT_EQ(text(), ">");
}

TEST_F(OutputBufferTest, APartOfALargeValueCanBeSent) {
  const SharedBytes blob = shared("0123456789");
  buffer_.append_shared(blob, blob.view().substr(2, 3));
  EXPECT_EQ(text(), "234");
}

TEST_F(OutputBufferTest, TruncateForgetsWhatCameLast) {
  buffer_.append("kept ");
  const auto position = buffer_.end_position();
  buffer_.append(std::string(100'000, 'x'));
  const SharedBytes blob = shared("shared");
  buffer_.append_shared(blob, blob.view());
  buffer_.truncate(position);
  EXPECT_EQ(buffer_.end_position(), position);
  buffer_.append("error");
  EXPECT_EQ(text(), "kept error");
}

TEST_F(OutputBufferTest, TruncateIntoALargeValueShortensIt) {
  const SharedBytes blob = shared("0123456789");
  buffer_.append_shared(blob, blob.view());
  buffer_.truncate(4);
  buffer_.append("!");
  EXPECT_EQ(text(), "0123!");
}

TEST_F(OutputBufferTest, GatherStopsAtALimitAndAtANumberOfPieces) {
  buffer_.append("0123456789");
  const SharedBytes blob = shared("abc");
  buffer_.append_shared(blob, blob.view());
  buffer_.append("xyz");
  EXPECT_EQ(text(4), "0123");
  EXPECT_EQ(text(12), "0123456789ab");
  std::vector<std::string_view> pieces{"what was there"};
  buffer_.gather(100, 2, pieces);
  EXPECT_EQ(pieces, (std::vector<std::string_view>{"0123456789", "abc"}));
  buffer_.gather(0, 2, pieces);
  EXPECT_TRUE(pieces.empty());
}

TEST_F(OutputBufferTest, ItsMemoryIsGivenBackWithIt) {
  {
    OutputBuffer other(&budget_);
    other.append(std::string(100'000, 'x'));
    EXPECT_EQ(budget_.used(), other.memory_bytes());
    EXPECT_GE(budget_.used(), 100'000U);
  }
  EXPECT_EQ(budget_.used(), 0U);
}

TEST_F(OutputBufferTest, LargeChunksComeFromThePoolAndGoBackToIt) {
  {
    OutputBuffer other(&budget_, &chunks_);
    other.append(std::string(OutputBuffer::kHeapChunkBytesMax, 'x'));
    other.consume(other.size());
    other.shrink();
    EXPECT_EQ(chunks_.blocks_kept(), 0U);
    other.append(std::string(3 * ChunkPool::kBlockBytes, 'x'));
    EXPECT_GE(budget_.used(), 3 * ChunkPool::kBlockBytes);
    other.consume(other.size());
    other.shrink();
    EXPECT_EQ(chunks_.blocks_kept(), 3U);
    other.append(std::string(2 * ChunkPool::kBlockBytes, 'x'));
    EXPECT_EQ(chunks_.blocks_kept(), 1U);
  }
  EXPECT_EQ(chunks_.blocks_kept(), 3U);
  EXPECT_EQ(budget_.used(), 0U);
}

TEST_F(OutputBufferTest, BehavesLikeAStringThatIsCutAtBothEnds) {
  behaves_like_a_string();
}

TEST_F(OutputBufferWithPoolTest, BehavesLikeAStringThatIsCutAtBothEnds) {
  behaves_like_a_string();
}

}  // namespace
}  // namespace appmem::protocol
