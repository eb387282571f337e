#include "appmem/protocol/caller.h"

#include <gtest/gtest.h>

namespace appmem::protocol {
namespace {

using Role = Caller::Role;

constexpr Right kAllRights[] = {Right::kNone, Right::kRead, Right::kWrite, Right::kAdmin,
                                Right::kServer};

Role role_of(const AccessPolicy& policy, std::uint32_t uid, std::uint32_t gid,
             std::vector<std::uint32_t> groups = {}) {
  return policy.resolve({uid, gid, 1, std::move(groups)}).role;
}

TEST(CallerTest, RootAndTheDaemonsUserAreOperators) {
  const AccessPolicy policy{1000, std::nullopt};
  EXPECT_EQ(role_of(policy, 0, 5), Role::kOperator);
  EXPECT_EQ(role_of(policy, 1000, 5), Role::kOperator);
  EXPECT_EQ(role_of(policy, 1001, 5), Role::kStranger);
}

TEST(CallerTest, MembersAreThoseOfTheSocketsGroup) {
  const AccessPolicy policy{1000, 50};
  EXPECT_EQ(role_of(policy, 1001, 50), Role::kMember);
  EXPECT_EQ(role_of(policy, 1001, 5, {7, 50, 9}), Role::kMember);
  EXPECT_EQ(role_of(policy, 1001, 5, {7, 9}), Role::kStranger);
  EXPECT_EQ(role_of(policy, 1000, 50), Role::kOperator);
}

TEST(CallerTest, WithoutAGroupThereAreNoMembers) {
  EXPECT_EQ(role_of({1000, std::nullopt}, 1001, 0, {0}), Role::kStranger);
}

TEST(CallerTest, WhereATokenIsTakenItIsForThoseWhoHaveNoRight) {
  const AccessPolicy policy{1000, 50, true, false};
  EXPECT_EQ(role_of(policy, 1000, 5), Role::kOperator);
  EXPECT_EQ(role_of(policy, 1001, 50), Role::kMember);
  EXPECT_EQ(role_of(policy, 1001, 5), Role::kUnauthenticated);
  EXPECT_EQ(role_of(policy, kNobody, kNobody), Role::kUnauthenticated);
}

TEST(CallerTest, AnOpenListenerMakesEverybodyAnOperator) {
  EXPECT_EQ(role_of({1000, std::nullopt, false, true}, kNobody, kNobody), Role::kOperator);
  EXPECT_EQ(role_of({1000, std::nullopt, false, false}, kNobody, kNobody), Role::kStranger);
}

TEST(CallerTest, CredentialsAreKept) {
  const Caller caller = AccessPolicy{1000, std::nullopt}.resolve({1001, 5, 4711, {7, 9}});
  EXPECT_EQ(caller.credentials.uid, 1001U);
  EXPECT_EQ(caller.credentials.pid, 4711);
  EXPECT_EQ(caller.credentials.groups, (std::vector<std::uint32_t>{7, 9}));
}

TEST(CallerTest, OperatorsMayDoEverything) {
  const Caller caller{{}, Role::kOperator};
  for (const Right right : kAllRights) {
    EXPECT_TRUE(caller.may(right, false));
    EXPECT_TRUE(caller.may(right, true));
  }
}

TEST(CallerTest, MembersMayReadAndWriteDefault) {
  const Caller caller{{}, Role::kMember};
  for (const Right right : kAllRights) {
    const bool key_right = right == Right::kRead || right == Right::kWrite;
    EXPECT_EQ(caller.may(right, true), key_right || right == Right::kNone);
    EXPECT_EQ(caller.may(right, false), right == Right::kNone);
  }
}

TEST(CallerTest, StrangersMayDoNothingThatNeedsARight) {
  for (const Role role : {Role::kStranger, Role::kUnauthenticated}) {
    const Caller caller{{}, role};
    for (const Right right : kAllRights) {
      EXPECT_EQ(caller.may(right, true), right == Right::kNone);
      EXPECT_EQ(caller.may(right, false), right == Right::kNone);
    }
  }
}

}  // namespace
}  // namespace appmem::protocol
