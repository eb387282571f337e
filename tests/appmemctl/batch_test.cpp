#include <fstream>

#include "ctl_fixture.h"

namespace appmem::test {
namespace {

using testing::StartsWith;

using BatchTest = CtlTest;

TEST_F(BatchTest, OperationsAreJsonOrLinesOfTheShell) {
  const std::string operations = R"({"op":"set","key":"a","value":{"x":1}}
incr n 5

  SET b "two words"
{"op":"get","key":"a"}
get b
exists none
{"op":"mget","keys":["n"]}
)";
  const Ran ran = ctl({"batch"}, operations);
  EXPECT_EQ(ran.exit_code, 0) << ran.errors;
  EXPECT_THAT(ran.output, StartsWith("OK\n5\nOK\n{\"x\":1}\ntwo words\nfalse\n{"));
  EXPECT_THAT(ctl({"batch", "-"}, "get b"), Prints("two words\n"));
}

TEST_F(BatchTest, ExistsOfSeveralKeysIsACountHoweverItIsWritten) {
  const std::string operations =
      "set a 1\nexists a\nexists a b\n{\"op\":\"exists\",\"keys\":[\"a\",\"a\"]}\n"
      "{\"op\":\"exists\",\"key\":\"b\"}\n";
  EXPECT_THAT(ctl({"batch"}, operations), Prints("OK\ntrue\n1\n1\nfalse\n"));
  EXPECT_THAT(ctl({"batch", "--pipeline"}, operations), Prints("OK\ntrue\n1\n1\nfalse\n"));
}

TEST_F(BatchTest, AllOrNone) {
  const Ran ran = ctl({"batch"}, "set a 1\nset b text\nincr b\n");
  EXPECT_THAT(ran, Fails(4, ": line 3: "));
  EXPECT_THAT(ctl({"list"}), Prints(""));
}

TEST_F(BatchTest, FromAFile) {
  const TemporaryDirectory directory;
  std::ofstream(directory.file("ops")) << "incr n\r\nincr n\r\n";
  EXPECT_THAT(ctl({"batch", directory.file("ops")}), Prints("1\n2\n"));
  EXPECT_THAT(ctl({"batch", directory.file("none")}), Fails(7, "none: No such file"));
  EXPECT_THAT(ctl({"batch", directory.path()}), Fails(7, "Is a directory"));
}

TEST_F(BatchTest, ALineThatIsNoneNamesItsNumber) {
  EXPECT_THAT(ctl({"batch"}, "incr n\nfrob x\n"),
              Fails(2, "line 2: neither a JSON object nor a command of the shell: frob\n"));
  EXPECT_THAT(ctl({"batch"}, "gett n\n"), Fails(2,
                                                "line 1: neither a JSON object nor a command of "
                                                "the shell: gett; did you mean GET?"));
  EXPECT_THAT(ctl({"batch", "--pipeline"}, "incr n\nfrob\n"), Fails(2, "line 2: "));
  EXPECT_THAT(ctl({"del", "n"}), Prints("1\n"));
  EXPECT_THAT(ctl({"batch"}, "incr n\n{\"op\":\n"), Fails(2, "line 2: "));
  EXPECT_THAT(ctl({"batch"}, "incr\n"), Fails(2, "line 1: usage: INCR key [by]; options go in"));
  EXPECT_THAT(ctl({"batch"}, ""), Prints(""));
  EXPECT_THAT(ctl({"list"}), Prints(""));
}

TEST_F(BatchTest, TheLimitOfABatchPointsToPipelines) {
  std::string operations;
  for (int i = 0; i < 10'000; ++i)
    operations += "incr n\n";
  const Ran most = ctl({"batch"}, operations);
  EXPECT_EQ(most.exit_code, 0) << most.errors;
  EXPECT_THAT(ctl({"get", "n"}), Prints("10000"));
  EXPECT_THAT(ctl({"batch"}, operations + "incr n\n"), Fails(4, "--pipeline"));
  EXPECT_THAT(ctl({"get", "n"}), Prints("10000"));
}

TEST_F(BatchTest, APipelineTakesAnyNumberAndGoesOnBehindAnError) {
  std::string operations = "set s text\nincr s\n";
  std::string expected = "OK\n";
  for (int i = 1; i <= 25'000; ++i) {
    operations += "incr n\n";
    expected += std::to_string(i) + "\n";
  }
  const Ran ran = ctl({"batch", "--pipeline"}, operations);
  EXPECT_THAT(ran, Fails(4, "line 2: "));
  EXPECT_EQ(ran.output, expected);
  EXPECT_THAT(ctl({"batch", "--pipeline", "--json"}, "ping\n"),
              Prints("{\"ok\":true,\"pong\":true}\n"));
}

TEST_F(BatchTest, LargeValuesGoThroughAPipeline) {
  std::string operations;
  for (int i = 0; i < 60; ++i)
    operations += "set k" + std::to_string(i) + " " + std::string(1'000'000, 'v') + "\n";
  const Ran ran = ctl({"batch", "--pipeline"}, operations);
  EXPECT_EQ(ran.exit_code, 0) << ran.errors;
  EXPECT_THAT(ctl({"count"}), Prints("60\n"));
}

}  // namespace
}  // namespace appmem::test
