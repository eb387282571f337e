#include "commands/harness.h"

namespace appmem::test {
namespace {

class LogVerifyTest : public CommandsTest {
 protected:
  FakeStorage& storage() { return server_.control.storage_value; }
};

TEST_F(LogVerifyTest, ItCountsWhatIsThere) {
  EXPECT_EQ(ask(R"({"op":"log.verify"})"), R"({"ok":true,"files":3,"records":21,"bytes":4096})");
  EXPECT_EQ(storage().requests, 1U);
}

TEST_F(LogVerifyTest, ItTellsWhatIsDamaged) {
  storage().verification.damage = "/d/segment-1.log is damaged at byte 5: torn";
  EXPECT_EQ(ask(R"({"op":"log.verify"})"),
            R"({"ok":true,"files":3,"records":21,"bytes":4096,)"
            R"("message":"/d/segment-1.log is damaged at byte 5: torn"})");
  storage().result = fail(ErrorCode::kUnavailable, "read of /d/x: Input/output error");
  EXPECT_THAT(ask(R"({"op":"log.verify"})"), Fails("unavailable"));
}

TEST_F(LogVerifyTest, ItAnswersWhenItIsDone) {
  storage().done = false;
  EXPECT_FALSE(peer_.begin(R"({"op":"log.verify"})"));
  EXPECT_FALSE(peer_.run(10));
  storage().done = true;
  EXPECT_TRUE(peer_.run(10));
  EXPECT_THAT(peer_.take_answer(), testing::HasSubstr("\"records\":21"));
}

}  // namespace
}  // namespace appmem::test
