#include "commands/harness.h"

/// Answers that rest on the log: what was written, and what was read before it was safe.
namespace appmem::test {
namespace {

using Progress = protocol::Outcome::Progress;

struct WithSink {
  FakeSink sink;
};

class ParkedTest : private WithSink, public CommandsTest {
 protected:
  ParkedTest() : CommandsTest({.sink = &sink}) {
    must(R"({"op":"ns.create","name":"log","persist":"wal"})");
    must(R"({"op":"use","name":"log"})");
  }

  /// The ticket that the answer to `line` waits for; 0 when it waits for none.
  std::uint64_t ticket_of(const std::string& line) {
    const std::string answer = ask(line);
    EXPECT_THAT(answer, testing::HasSubstr("\"ok\":true")) << line;
    EXPECT_EQ(peer_.progress == Progress::kParked, peer_.ticket != 0);
    return peer_.ticket;
  }

  using WithSink::sink;
};

TEST_F(ParkedTest, EachWriteWaitsForItsRecord) {
  for (const char* op :
       {R"("set","key":"k","value":1)", R"("incr","key":"k")", R"("decr","key":"k")",
        R"("append","key":"k","value":"0")", R"("expire","key":"k","ttl_ms":5000)",
        R"("persist","key":"k")", R"("get","key":"k","touch_ttl_ms":5000)",
        R"("mset","entries":[{"key":"a","value":1},{"key":"b","value":1}])",
        R"("batch","ops":[{"op":"set","key":"c","value":1},{"op":"incr","key":"d"}])",
        R"("del","key":"k")", R"("del","keys":["a","b"])"}) {
    const std::size_t records = sink.records;
    EXPECT_EQ(ticket_of(R"({"op":)" + std::string(op) + "}"), sink.last) << op;
    EXPECT_EQ(sink.records, records + 1) << op;
  }
}

TEST_F(ParkedTest, AReadWaitsForTheRecordOfWhatItSaw) {
  const auto first = ticket_of(R"({"op":"set","key":"a","value":1})");
  const auto second = ticket_of(R"({"op":"set","key":"b","value":1})");
  EXPECT_EQ(ticket_of(R"({"op":"get","key":"a"})"), first);
  EXPECT_EQ(ticket_of(R"({"op":"ttl","key":"a"})"), first);
  EXPECT_EQ(ticket_of(R"({"op":"exists","key":"b"})"), second);
  EXPECT_EQ(ticket_of(R"({"op":"exists","keys":["a","b"]})"), second);
  EXPECT_EQ(ticket_of(R"({"op":"mget","keys":["b","a"]})"), second);
  EXPECT_EQ(ticket_of(R"({"op":"batch","ops":[{"op":"get","key":"b"},{"op":"get","key":"a"}]})"),
            second);
}

TEST_F(ParkedTest, MemoryOnlyNamespacesWaitForNothing) {
  for (const char* op : {R"("set","key":"k","value":1)", R"("get","key":"k")",
                         R"("mset","entries":[{"key":"a","value":1},{"key":"b","value":1}])",
                         R"("batch","ops":[{"op":"incr","key":"n"}])", R"("del","key":"k")"}) {
    EXPECT_EQ(ticket_of(R"({"ns":"default","op":)" + std::string(op) + "}"), 0U) << op;
  }
}

TEST_F(ParkedTest, ABatchOverBothKindsWaitsForItsOneRecord) {
  const std::size_t records = sink.records;
  EXPECT_EQ(ticket_of(R"({"op":"batch","ops":[{"op":"set","key":"k","value":1,"ns":"default"},)"
                      R"({"op":"set","key":"k","value":1},{"op":"set","key":"l","value":1}]})"),
            sink.last);
  EXPECT_EQ(sink.records, records + 1);
}

TEST_F(ParkedTest, AnAnswerThatIsComposedInSlicesWaitsForTheSameTicket) {
  const auto stored =
      ticket_of(R"({"op":"set","key":"k","value":")" + std::string(1_MiB, 'x') + "\"}");
  EXPECT_THAT(ask(R"({"op":"get","key":"k"})"), testing::HasSubstr(R"("version":)"));
  EXPECT_EQ(peer_.progress, Progress::kContinue);
  EXPECT_EQ(peer_.ticket, stored);
}

TEST_F(ParkedTest, ALogThatHasFailedRefusesWritesAndChangesNothing) {
  must(R"({"op":"set","key":"k","value":1})");
  sink.failed = true;
  for (const char* op :
       {R"("set","key":"k","value":2)", R"("incr","key":"k")", R"("del","key":"k")",
        R"("mset","entries":[{"key":"k","value":2},{"key":"l","value":2}])",
        R"("batch","ops":[{"op":"set","key":"k","value":2}])"}) {
    EXPECT_THAT(ask(R"({"op":)" + std::string(op) + "}"), Fails("read_only")) << op;
    EXPECT_EQ(peer_.progress, Progress::kDone);
  }
  sink.safe = sink.last;
  EXPECT_THAT(ask(R"({"op":"get","key":"k"})"), testing::HasSubstr(R"("value":1)"));
  // What may not last is not shown.
  sink.safe = sink.last - 1;
  EXPECT_THAT(ask(R"({"op":"get","key":"k"})"), Fails("unavailable"));
  must(R"({"op":"set","ns":"default","key":"k","value":2})");
}

}  // namespace
}  // namespace appmem::test
