#include "access.h"

#include <filesystem>
#include <fstream>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/temporary_directory.h"

namespace appmem::daemon::test {
namespace {

using testing::HasSubstr;

class OverflowIdsTest : public testing::Test {
 protected:
  void write(const std::string& path, const std::string& text) {
    const std::filesystem::path file = root_.path() / path;
    std::filesystem::create_directories(file.parent_path());
    std::ofstream(file) << text;
  }
  OverflowIds ids() { return read_overflow_ids(root_.path()); }

  appmem::test::TemporaryDirectory root_;
};

TEST_F(OverflowIdsTest, ThereAreNoneWhereEveryUserHasANumber) {
  EXPECT_FALSE(ids().uid);  // a kernel without user namespaces
  write("proc/self/uid_map", "         0          0 4294967295\n");
  write("proc/self/gid_map", "0 0 1000\n1000 5000 4294966295\n");
  EXPECT_FALSE(ids().uid);
  EXPECT_FALSE(ids().gid);
}

TEST_F(OverflowIdsTest, ANamespaceThatLeavesUsersOutShowsThemAsOne) {
  write("proc/self/uid_map", "0 1000 1\n1 100000 65536\n");
  write("proc/self/gid_map", "");
  EXPECT_EQ(ids().uid, 65'534U);
  EXPECT_EQ(ids().gid, 65'534U);
  write("proc/sys/kernel/overflowuid", "77\n");
  write("proc/sys/kernel/overflowgid", "78\n");
  EXPECT_EQ(ids().uid, 77U);
  EXPECT_EQ(ids().gid, 78U);
}

TEST(AccessPolicyTest, IsWhoTheDaemonIsAndItsGroup) {
  for (const Reach reach : {Reach::kOwner, Reach::kGroup, Reach::kAll}) {
    for (const OverflowIds& overflow : {OverflowIds{}, OverflowIds{65'534, 65'534}}) {
      const auto policy = access_policy(1000, 50, reach, overflow);
      ASSERT_TRUE(policy) << policy.error().message;
      EXPECT_EQ(policy->daemon_uid, 1000U);
      EXPECT_EQ(policy->member_gid, 50U);
    }
  }
  EXPECT_TRUE(access_policy(65'534, 65'534, Reach::kAll, {}));  // nobody, where nobody is left out
}

TEST(AccessPolicyTest, StrangersAreNotTakenForTheDaemonsUser) {
  const OverflowIds overflow{65'534, 65'534};
  EXPECT_TRUE(access_policy(65'534, {}, Reach::kOwner, overflow));
  for (const Reach reach : {Reach::kGroup, Reach::kAll}) {
    const auto policy = access_policy(65'534, {}, reach, overflow);
    ASSERT_FALSE(policy);
    EXPECT_EQ(policy.error().code, ErrorCode::kInvalidRequest);
    EXPECT_THAT(policy.error().message, HasSubstr("the daemon's user has the number 65534"));
  }
}

TEST(AccessPolicyTest, StrangersAreNotTakenForMembers) {
  const OverflowIds overflow{65'534, 65'534};
  EXPECT_TRUE(access_policy(0, 65'534, Reach::kGroup, overflow));
  const auto policy = access_policy(0, 65'534, Reach::kAll, overflow);
  ASSERT_FALSE(policy);
  EXPECT_THAT(policy.error().message, HasSubstr("the socket's group has the number 65534"));
}

}  // namespace
}  // namespace appmem::daemon::test
