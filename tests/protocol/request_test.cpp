#include "appmem/protocol/request.h"

#include <gtest/gtest.h>

namespace appmem::protocol {
namespace {

Argument argument(Field field, std::int64_t integer) {
  Argument result;
  result.field = field;
  result.integer = integer;
  return result;
}

Argument argument(Field field, std::string_view bytes) {
  Argument result;
  result.field = field;
  result.bytes = bytes;
  return result;
}

class RequestTest : public testing::Test {
 protected:
  Request request_;
};

TEST_F(RequestTest, ArgumentsAreFoundByField) {
  request_.argument_pool() = {argument(Field::kKey, "k"), argument(Field::kTtlMs, 5)};
  request_.set_command(command_spec(CommandId::kSet), 0, 2);
  request_.set_id("7");
  const Arguments args = request_.arguments();
  EXPECT_EQ(&args.command(), &command_spec(CommandId::kSet));
  EXPECT_EQ(request_.id(), "7");
  EXPECT_EQ(args.bytes(Field::kKey), "k");
  EXPECT_EQ(args.text(Field::kKey), "k");
  EXPECT_EQ(args.integer(Field::kTtlMs), 5);
  EXPECT_EQ(args.integer_or(Field::kTtlMs, 9), 5);
  EXPECT_EQ(args.integer_or(Field::kExpiresAtMs, 9), 9);
  EXPECT_EQ(args.integer(Field::kExpiresAtMs), std::nullopt);
  EXPECT_EQ(args.text(Field::kNs), std::nullopt);
  EXPECT_FALSE(args.has(Field::kNs));
  EXPECT_FALSE(args.flag(Field::kIfAbsent));
  EXPECT_EQ(args.all().size(), 2U);
}

TEST_F(RequestTest, FlagsAreTrueWhereTheyAreGivenAndTrue) {
  request_.argument_pool() = {argument(Field::kIfAbsent, 1), argument(Field::kIfPresent, 0)};
  request_.set_command(command_spec(CommandId::kSet), 0, 2);
  EXPECT_TRUE(request_.arguments().flag(Field::kIfAbsent));
  EXPECT_FALSE(request_.arguments().flag(Field::kIfPresent));
}

TEST_F(RequestTest, ListsAreRangesOfPools) {
  request_.key_pool() = {"a", "b", "c"};
  Argument keys = argument(Field::kKeys, 0);
  keys.first = 1;
  keys.count = 2;
  request_.argument_pool() = {keys};
  request_.set_command(command_spec(CommandId::kMget), 0, 1);
  const auto span = request_.arguments().keys(Field::kKeys);
  EXPECT_EQ(std::vector<std::string_view>(span.begin(), span.end()),
            (std::vector<std::string_view>{"b", "c"}));
}

TEST_F(RequestTest, OpsSeeTheirOwnArgumentsOnly) {
  request_.argument_pool() = {argument(Field::kKey, "a"), argument(Field::kKey, "b"),
                              argument(Field::kBy, 3), argument(Field::kOps, 0)};
  request_.op_pool() = {{&command_spec(CommandId::kGet), 0, 1},
                        {&command_spec(CommandId::kIncr), 1, 2}};
  request_.set_command(command_spec(CommandId::kBatch), 3, 1);
  ASSERT_EQ(request_.op_count(), 2U);
  EXPECT_EQ(request_.op(0).bytes(Field::kKey), "a");
  EXPECT_FALSE(request_.op(0).has(Field::kBy));
  EXPECT_EQ(request_.op(1).bytes(Field::kKey), "b");
  EXPECT_EQ(request_.op(1).integer(Field::kBy), 3);
  EXPECT_FALSE(request_.arguments().has(Field::kKey));
}

TEST_F(RequestTest, ClearForgetsAllAndKeepsUsualMemory) {
  request_.argument_pool().resize(100);
  request_.key_pool().resize(1'000'000);
  request_.set_id("7");
  request_.clear();
  EXPECT_TRUE(request_.id().empty());
  EXPECT_EQ(request_.op_count(), 0U);
  EXPECT_GE(request_.argument_pool().capacity(), 100U);
  EXPECT_EQ(request_.key_pool().capacity(), 0U) << "what one large request took is given back";
}

}  // namespace
}  // namespace appmem::protocol
