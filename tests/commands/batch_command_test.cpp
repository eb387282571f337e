#include "commands/harness.h"

namespace appmem::test {
namespace {

class BatchCommandTest : public CommandsTest {
 protected:
  /// A batch of these ops.
  static std::string batch_of(const std::vector<std::string>& ops) {
    std::string request = R"({"op":"batch","ops":[)";
    for (const std::string& op : ops) {
      if (request.back() != '[') request += ',';
      request += op;
    }
    return request + "]}";
  }
};

TEST_F(BatchCommandTest, EveryOpOnKeysMayStandInABatch) {
  EXPECT_THAT(ask(batch_of({
                  R"({"op":"set","key":"a","value":1})",
                  R"({"op":"get","key":"a"})",
                  R"({"op":"incr","key":"a","by":2})",
                  R"({"op":"decr","key":"a"})",
                  R"({"op":"append","key":"a","value":"!"})",
                  R"({"op":"mset","entries":[{"key":"b","value":[1]},{"key":"c","value":"x"}]})",
                  R"({"op":"mget","keys":["a","none"]})",
                  R"({"op":"exists","keys":["a","b","none"]})",
                  R"({"op":"expire","key":"a","ttl_ms":5000})",
                  R"({"op":"ttl","key":"a"})",
                  R"({"op":"persist","key":"a"})",
                  R"({"op":"del","keys":["a","b"]})",
                  R"({"op":"set","key":"c","value":2,"return_old":true})",
                  R"({"op":"get","key":"none"})",
              })),
              Like(R"({"ok":true,"results":[{"version":#},)"
                   R"({"found":true,"value":1,"version":#},)"
                   R"({"value":3,"version":#},)"
                   R"({"value":2,"version":#},)"
                   R"({"length":2,"version":#},)"
                   R"({"versions":[#,#]},)"
                   R"({"values":[{"found":true,"value":"2!","version":#},{"found":false}]},)"
                   R"({"count":2},)"
                   R"({"found":true},)"
                   R"({"found":true,"ttl_ms":5000},)"
                   R"({"found":true},)"
                   R"({"deleted":2},)"
                   R"({"version":#,"old":"x"},)"
                   R"({"found":false}]})"));
  EXPECT_EQ(ask(R"({"op":"exists","keys":["a","b","c"]})"), R"({"ok":true,"count":1})");
}

TEST_F(BatchCommandTest, AnEmptyBatchDoesNothing) {
  EXPECT_EQ(ask(batch_of({})), R"({"ok":true,"results":[]})");
  EXPECT_EQ(ask(batch_of({R"({"op":"mget","keys":[]})"})),
            R"({"ok":true,"results":[{"values":[]}]})");
}

TEST_F(BatchCommandTest, OpsThatCannotStandInABatchAreRefused) {
  for (const char* op : {"scan", "count", "ping", "ns.list", "stats", "hello"}) {
    EXPECT_THAT(ask(batch_of({R"({"op":")" + std::string(op) + "\"}"})), Fails("invalid_request"))
        << op;
  }
  EXPECT_THAT(ask(batch_of({batch_of({})})), Fails("invalid_request"));
}

TEST_F(BatchCommandTest, AFailureAtAnyPositionLeavesEverythingAsItWas) {
  must(R"({"op":"set","key":"text","value":"x"})");
  must(R"({"op":"set","key":"life","value":1,"ttl_ms":1000})");
  must(R"({"op":"incr","key":"n","by":10})");
  const std::vector<std::string> ops = {
      R"({"op":"set","key":"new","value":1})",
      R"({"op":"del","key":"text"})",
      R"({"op":"incr","key":"n"})",
      R"({"op":"append","key":"n","value":"0"})",
      R"({"op":"persist","key":"life"})",
      R"({"op":"get","key":"life","touch_ttl_ms":5})",
      R"({"op":"mset","entries":[{"key":"n","value":[]},{"key":"m","value":1}]})",
  };
  const std::string state = ask(R"({"op":"mget","keys":["new","text","life","n","m"]})");
  for (std::size_t position = 0; position <= ops.size(); ++position) {
    std::vector<std::string> with_failure = ops;
    with_failure.insert(with_failure.begin() + static_cast<std::ptrdiff_t>(position),
                        R"({"op":"set","key":"missing","value":1,"if_present":true})");
    const std::string answer = ask(batch_of(with_failure));
    EXPECT_THAT(answer, Fails("not_found"));
    EXPECT_THAT(answer,
                testing::HasSubstr(R"("details":{"index":)" + std::to_string(position) + "}"));
    EXPECT_THAT(answer, testing::Not(testing::HasSubstr("results")));
    EXPECT_EQ(ask(R"({"op":"mget","keys":["new","text","life","n","m"]})"), state) << position;
    EXPECT_EQ(ask(R"({"op":"ttl","key":"life"})"), R"({"ok":true,"found":true,"ttl_ms":1000})");
  }
  // And without it all take effect.
  EXPECT_THAT(ask(batch_of(ops)), testing::HasSubstr("\"ok\":true"));
}

TEST_F(BatchCommandTest, TheErrorNamesTheOpAlsoWhereAnItemOfItFailed) {
  must(R"({"op":"set","key":"b","value":0})");
  const std::string answer = ask(batch_of({
      R"({"op":"get","key":"a"})",
      R"({"op":"get","key":"a"})",
      R"({"op":"mset","if_absent":true,"entries":[{"key":"b","value":1}]})",
  }));
  EXPECT_THAT(answer, Fails("exists"));
  EXPECT_THAT(answer, testing::HasSubstr(R"("details":{"index":2})"));
  EXPECT_THAT(answer, testing::HasSubstr(R"("message":"ops[2]: entries[0]: the key exists")"));
}

TEST_F(BatchCommandTest, OpsMayNameNamespacesOfTheirOwn) {
  must(R"({"op":"ns.create","name":"one"})");
  must(R"({"op":"ns.create","name":"two","type":"json"})");
  must(R"({"op":"use","name":"one"})");
  EXPECT_THAT(ask(R"({"op":"batch","ns":"two","ops":[{"op":"set","key":"k","value":"in two"},)"
                  R"({"op":"set","key":"k","value":"in default","ns":"default"},)"
                  R"({"op":"set","key":"k","value":"in one","ns":"one"}]})"),
              Like(R"({"ok":true,"results":[{"version":#},{"version":#},{"version":#}]})"));
  EXPECT_THAT(ask(R"({"op":"get","key":"k"})"), testing::HasSubstr("in one"));
  EXPECT_THAT(ask(R"({"op":"get","key":"k","ns":"two"})"), testing::HasSubstr("in two"));
  EXPECT_THAT(ask(R"({"op":"get","key":"k","ns":"default"})"), testing::HasSubstr("in default"));
  const std::string unknown =
      ask(R"({"op":"batch","ops":[{"op":"get","key":"k"},{"op":"get","key":"k","ns":"nowhere"}]})");
  EXPECT_THAT(unknown, Fails("not_found"));
  EXPECT_THAT(unknown, testing::HasSubstr(R"("details":{"index":1})"));
}

TEST_F(BatchCommandTest, ATransferKeepsTheTotal) {
  must(R"({"op":"set","key":"a","value":1})");
  must(R"({"op":"set","key":"b","value":1})");
  const std::string transfer =
      batch_of({R"({"op":"decr","key":"a","min":0})", R"({"op":"incr","key":"b"})"});
  EXPECT_THAT(ask(transfer), Like(R"({"ok":true,"results":[{"value":0,"version":#},)"
                                  R"({"value":2,"version":#}]})"));
  const std::string refused = ask(transfer);
  EXPECT_THAT(refused, Fails("out_of_range"));
  EXPECT_THAT(ask(R"({"op":"mget","keys":["a","b"]})"),
              Like(R"({"ok":true,"values":[{"found":true,"value":0,"version":#},)"
                   R"({"found":true,"value":2,"version":#}]})"));
}

TEST_F(BatchCommandTest, LaterOpsSeeWhatEarlierOnesDid) {
  EXPECT_THAT(ask(batch_of({R"({"op":"set","key":"k","value":1,"if_absent":true})",
                            R"({"op":"set","key":"k","value":2,"if_absent":true})"})),
              Fails("exists"));
  EXPECT_EQ(ask(R"({"op":"exists","key":"k"})"), R"({"ok":true,"count":0})");
}

TEST_F(BatchCommandTest, ManyOpsAtTheLimitAndOnePast) {
  std::vector<std::string> ops(kBatchOpsMax, R"({"op":"incr","key":"n"})");
  EXPECT_THAT(ask(batch_of(ops)), testing::HasSubstr("\"value\":10000"));
  ops.emplace_back(R"({"op":"incr","key":"n"})");
  EXPECT_THAT(ask(batch_of(ops)), Fails("too_large"));
  EXPECT_THAT(ask(R"({"op":"get","key":"n"})"), testing::HasSubstr("\"value\":10000"));
}

TEST_F(BatchCommandTest, AllKeysOfABatchCountForTheLimitOfKeys) {
  std::string keys;
  for (std::size_t i = 0; i < kRequestKeysMax / 2; ++i)
    keys += i == 0 ? "\"a\"" : ",\"a\"";
  const std::string exists = R"({"op":"exists","keys":[)" + keys + "]}";
  EXPECT_EQ(ask(batch_of({exists, exists})), R"({"ok":true,"results":[{"count":0},{"count":0}]})");
  EXPECT_THAT(ask(batch_of({exists, exists, R"({"op":"get","key":"a"})"})), Fails("too_large"));
}

}  // namespace
}  // namespace appmem::test
