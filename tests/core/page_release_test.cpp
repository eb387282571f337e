#include "page_release.h"

#include <cstring>
#include <new>

#include <gtest/gtest.h>
#include <sys/mman.h>

#include "page_runs.h"

namespace appmem::core {
namespace {

class PageReleaseTest : public testing::Test {
 public:
  PageReleaseTest(const PageReleaseTest&) = delete;
  PageReleaseTest& operator=(const PageReleaseTest&) = delete;
  ~PageReleaseTest() override { ::munmap(bytes_, kPages * kPageBytes); }

 protected:
  static constexpr std::size_t kPages = 4 * PageRelease::kRangesMax;

  PageReleaseTest() {
    void* const mapping = ::mmap(nullptr, kPages * kPageBytes, PROT_READ | PROT_WRITE,
                                 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (mapping == MAP_FAILED) throw std::bad_alloc();
    bytes_ = static_cast<char*>(mapping);
    std::memset(bytes_, 'x', kPages * kPageBytes);
  }

  void add(std::size_t page, std::size_t pages) {
    release_.add(bytes_ + page * kPageBytes, pages * kPageBytes);
  }
  /// The first byte of a page.
  [[nodiscard]] char at(std::size_t page) const { return bytes_[page * kPageBytes]; }

  PageRelease release_;
  char* bytes_ = nullptr;
};

TEST_F(PageReleaseTest, RangesGivenBackAreZerosAndTheirNeighboursAreNot) {
  for (std::size_t i = 0; i < PageRelease::kRangesMax; ++i)
    add(4 * i + 1, 1 + i % 2);
  EXPECT_TRUE(release_.full());
  EXPECT_EQ(release_.release(), PageRelease::kRangesMax);
  EXPECT_EQ(release_.size(), 0U);
  for (std::size_t i = 0; i < PageRelease::kRangesMax; ++i) {
    EXPECT_EQ(at(4 * i), 'x') << i;
    EXPECT_EQ(at(4 * i + 1), 0) << i;
    EXPECT_EQ(at(4 * i + 2), i % 2 == 0 ? 'x' : 0) << i;
    EXPECT_EQ(at(4 * i + 3), 'x') << i;
  }
}

TEST_F(PageReleaseTest, OneRangeOrNone) {
  EXPECT_EQ(release_.release(), 0U);
  add(3, 1);
  EXPECT_EQ(release_.release(), 1U);
  EXPECT_EQ(at(2), 'x');
  EXPECT_EQ(at(3), 0);
}

TEST_F(PageReleaseTest, StopsAtARangeThatTheSystemRefuses) {
  add(0, 1);
  add(2, 2);
  release_.add(bytes_ + 4 * kPageBytes + 1, kPageBytes);  // not a page: refused
  add(8, 1);
  EXPECT_EQ(release_.release(), 2U);
  EXPECT_EQ(at(0), 0);
  EXPECT_EQ(at(3), 0);
  EXPECT_EQ(at(5), 'x');
  EXPECT_EQ(at(8), 'x');
  // And goes on as before.
  add(8, 1);
  add(10, 1);
  EXPECT_EQ(release_.release(), 2U);
  EXPECT_EQ(at(8), 0);
  EXPECT_EQ(at(10), 0);
}

}  // namespace
}  // namespace appmem::core
