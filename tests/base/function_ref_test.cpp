#include "appmem/base/function_ref.h"

#include <memory>
#include <type_traits>

#include <gtest/gtest.h>

namespace appmem {
namespace {

int call(FunctionRef<int(int)> function, int argument) {
  return function(argument);
}

TEST(FunctionRefTest, CallsTheBorrowedCallable) {
  int calls = 0;
  auto counting = [&calls](int n) {
    ++calls;
    return n + 1;
  };
  EXPECT_EQ(call(counting, 1), 2);
  EXPECT_EQ(call(counting, 2), 3);
  EXPECT_EQ(calls, 2);
}

TEST(FunctionRefTest, CallsConstAndMutableCallables) {
  const auto constant = [](int n) {
    return n;
  };
  EXPECT_EQ(call(constant, 5), 5);
  EXPECT_EQ(call([sum = 0](int n) mutable { return sum += n; }, 6), 6);
}

TEST(FunctionRefTest, TakesObjectsWithTheRightSignatureOnly) {
  using Ref = FunctionRef<int(int)>;
  using Function = int(int);
  EXPECT_FALSE((std::is_constructible_v<Ref, Function&>));
  EXPECT_TRUE((std::is_constructible_v<Ref, Function*&>));
  const auto of_pointer = [](int*) {
    return 0;
  };
  EXPECT_FALSE((std::is_constructible_v<Ref, decltype(of_pointer)&>));
}

TEST(FunctionRefTest, ForwardsReferencesAndMoveOnlyArguments) {
  const auto take = [](std::unique_ptr<int> owned, int& result) {
    result = *owned;
  };
  const FunctionRef<void(std::unique_ptr<int>, int&)> reference = take;
  int result = 0;
  reference(std::make_unique<int>(7), result);
  EXPECT_EQ(result, 7);
}

TEST(FunctionRefTest, CopiesReferToTheSameCallable) {
  int calls = 0;
  auto count = [&calls] {
    ++calls;
  };
  const FunctionRef<void()> first = count;
  const FunctionRef<void()> second = first;  // NOLINT(performance-unnecessary-copy-initialization)
  first();
  second();
  EXPECT_EQ(calls, 2);
}

}  // namespace
}  // namespace appmem
