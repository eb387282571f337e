#include "commands/harness.h"

namespace appmem::test {
namespace {

class KeyCommandsTest : public CommandsTest {};

TEST_F(KeyCommandsTest, GetOfAMissingKeyFindsNothing) {
  EXPECT_EQ(ask(R"({"id":3,"op":"get","key":"nobody"})"), R"({"id":3,"ok":true,"found":false})");
}

TEST_F(KeyCommandsTest, SetThenGetGivesTheValueBackAsItWasSent) {
  EXPECT_THAT(ask(R"({"op":"set","key":"user:42","value":{"name": "Ada"}})"),
              Like(R"({"ok":true,"version":#})"));
  EXPECT_THAT(ask(R"({"op":"get","key":"user:42"})"),
              Like(R"({"ok":true,"found":true,"value":{"name": "Ada"},"version":#})"));
  must(R"({"op":"set","key":"s","value":"a \"b\" \n"})");
  EXPECT_THAT(ask(R"({"op":"get","key":"s"})"),
              Like(R"({"ok":true,"found":true,"value":"a \"b\" \n","version":#})"));
  must(R"({"op":"set","key":"i","value":-9223372036854775808})");
  EXPECT_THAT(ask(R"({"op":"get","key":"i"})"),
              Like(R"({"ok":true,"found":true,"value":-9223372036854775808,"version":#})"));
}

TEST_F(KeyCommandsTest, BytesThatAreNoTextTravelAsBase64) {
  must(R"({"op":"set","key_b64":"/w==","value_b64":"AP8="})");
  EXPECT_THAT(ask(R"({"op":"get","key_b64":"/w=="})"),
              Like(R"({"ok":true,"found":true,"value_b64":"AP8=","version":#})"));
}

TEST_F(KeyCommandsTest, EveryWriteGivesANewVersionAndAReadGivesTheSame) {
  const auto first = number_in(ask(R"({"op":"set","key":"k","value":1})"), "version");
  EXPECT_EQ(number_in(ask(R"({"op":"get","key":"k"})"), "version"), first);
  EXPECT_NE(number_in(ask(R"({"op":"set","key":"k","value":1})"), "version"), first);
}

TEST_F(KeyCommandsTest, GetShowsWhatIsLeftOfALife) {
  must(R"({"op":"set","key":"k","value":1,"ttl_ms":60000})");
  pass(milliseconds{1});
  EXPECT_THAT(ask(R"({"op":"get","key":"k"})"),
              Like(R"({"ok":true,"found":true,"value":1,"version":#,"ttl_ms":59999})"));
  pass(milliseconds{59'999});
  EXPECT_EQ(ask(R"({"op":"get","key":"k"})"), R"({"ok":true,"found":false})");
}

TEST_F(KeyCommandsTest, TouchTtlGivesANewLifeAsTheEntryIsRead) {
  must(R"({"op":"set","key":"k","value":1,"ttl_ms":1000})");
  EXPECT_THAT(ask(R"({"op":"get","key":"k","touch_ttl_ms":5000})"),
              Like(R"({"ok":true,"found":true,"value":1,"version":#,"ttl_ms":5000})"));
  pass(milliseconds{4'999});
  EXPECT_THAT(ask(R"({"op":"get","key":"k","touch_ttl_ms":null})"),
              Like(R"({"ok":true,"found":true,"value":1,"version":#})"));
  EXPECT_EQ(ask(R"({"op":"ttl","key":"k"})"), R"({"ok":true,"found":true,"ttl_ms":null})");
  EXPECT_EQ(ask(R"({"op":"get","key":"none","touch_ttl_ms":5})"), R"({"ok":true,"found":false})");
}

TEST_F(KeyCommandsTest, SetReplacesTheLifeUnlessItKeepsIt) {
  must(R"({"op":"set","key":"k","value":1,"ttl_ms":1000})");
  must(R"({"op":"set","key":"k","value":2,"keep_ttl":true})");
  EXPECT_EQ(ask(R"({"op":"ttl","key":"k"})"), R"({"ok":true,"found":true,"ttl_ms":1000})");
  must(R"({"op":"set","key":"k","value":3,"keep_ttl":false,"ttl_ms":500})");
  EXPECT_EQ(ask(R"({"op":"ttl","key":"k"})"), R"({"ok":true,"found":true,"ttl_ms":500})");
  must(R"({"op":"set","key":"k","value":4})");
  EXPECT_EQ(ask(R"({"op":"ttl","key":"k"})"), R"({"ok":true,"found":true,"ttl_ms":null})");
}

TEST_F(KeyCommandsTest, ExpiresAtIsAMomentOfTheWallClock) {
  // The clock begins at 1704067200000.
  must(R"({"op":"set","key":"k","value":1,"expires_at_ms":1704067201500})");
  EXPECT_EQ(ask(R"({"op":"ttl","key":"k"})"), R"({"ok":true,"found":true,"ttl_ms":1500})");
  EXPECT_EQ(ask(R"({"op":"expire","key":"k","expires_at_ms":1704067203000})"),
            R"({"ok":true,"found":true})");
  EXPECT_EQ(ask(R"({"op":"ttl","key":"k"})"), R"({"ok":true,"found":true,"ttl_ms":3000})");
}

TEST_F(KeyCommandsTest, AMomentInThePastDeletes) {
  must(R"({"op":"set","key":"k","value":1})");
  EXPECT_EQ(ask(R"({"op":"set","key":"k","value":2,"expires_at_ms":1704067200000})"),
            R"({"ok":true})");
  EXPECT_EQ(ask(R"({"op":"get","key":"k"})"), R"({"ok":true,"found":false})");
  must(R"({"op":"set","key":"k","value":1})");
  EXPECT_EQ(ask(R"({"op":"expire","key":"k","expires_at_ms":-5})"), R"({"ok":true,"found":true})");
  EXPECT_EQ(ask(R"({"op":"exists","key":"k"})"), R"({"ok":true,"count":0})");
}

TEST_F(KeyCommandsTest, LivesAreAtMostAHundredYears) {
  EXPECT_THAT(ask(R"({"op":"set","key":"k","value":1,"ttl_ms":3155760000000})"),
              Like(R"({"ok":true,"version":#})"));
  EXPECT_THAT(ask(R"({"op":"set","key":"k","value":1,"ttl_ms":3155760000001})"),
              Fails("invalid_request"));
  EXPECT_THAT(ask(R"({"op":"set","key":"k","value":1,"ttl_ms":0})"), Fails("invalid_request"));
  EXPECT_THAT(ask(R"({"op":"set","key":"k","value":1,"expires_at_ms":4859827200000})"),
              Like(R"({"ok":true,"version":#})"));
  EXPECT_THAT(ask(R"({"op":"set","key":"k","value":1,"expires_at_ms":4859827200001})"),
              Fails("invalid_request"));
  EXPECT_THAT(ask(R"({"op":"set","key":"k","value":1,"expires_at_ms":9223372036854775807})"),
              Fails("invalid_request"));
}

TEST_F(KeyCommandsTest, IfAbsentRefusesAKeyThatIsThere) {
  must(R"({"op":"set","key":"k","value":1,"if_absent":true})");
  EXPECT_THAT(ask(R"({"op":"set","key":"k","value":2,"if_absent":true})"), Fails("exists"));
  EXPECT_THAT(ask(R"({"op":"get","key":"k"})"),
              Like(R"({"ok":true,"found":true,"value":1,"version":#})"));
}

TEST_F(KeyCommandsTest, IfPresentRefusesAKeyThatIsNotThere) {
  EXPECT_THAT(ask(R"({"op":"set","key":"k","value":1,"if_present":true})"), Fails("not_found"));
  EXPECT_EQ(ask(R"({"op":"exists","key":"k"})"), R"({"ok":true,"count":0})");
  must(R"({"op":"set","key":"k","value":1})");
  must(R"({"op":"set","key":"k","value":2,"if_present":true})");
}

TEST_F(KeyCommandsTest, IfVersionIsCompareAndSet) {
  EXPECT_THAT(ask(R"({"op":"set","key":"k","value":1,"if_version":1})"), Fails("not_found"));
  const auto version = number_in(ask(R"({"op":"set","key":"k","value":1})"), "version");
  const std::string swap =
      R"({"op":"set","key":"k","value":2,"if_version":)" + std::to_string(version) + "}";
  EXPECT_THAT(ask(swap), Like(R"({"ok":true,"version":#})"));
  EXPECT_THAT(ask(swap), Fails("conflict"));
}

TEST_F(KeyCommandsTest, ReturnOldGivesWhatWasThere) {
  EXPECT_THAT(ask(R"({"op":"set","key":"k","value":"a","return_old":true})"),
              Like(R"({"ok":true,"version":#})"));
  EXPECT_THAT(ask(R"({"op":"set","key":"k","value":7,"return_old":true})"),
              Like(R"({"ok":true,"version":#,"old":"a"})"));
  EXPECT_THAT(ask(R"({"op":"set","key":"k","value":[],"return_old":true})"),
              Like(R"({"ok":true,"version":#,"old":7})"));
  EXPECT_EQ(ask(R"({"op":"del","key":"k","return_old":true})"),
            R"({"ok":true,"deleted":1,"old":[]})");
  EXPECT_EQ(ask(R"({"op":"del","key":"k","return_old":true})"), R"({"ok":true,"deleted":0})");
}

TEST_F(KeyCommandsTest, ReturnOldOfALargeValueSharesIt) {
  const std::string large(kInlineValueBytesMax + 1, 'x');
  must(R"({"op":"set","key":"k","value":")" + large + "\"}");
  EXPECT_THAT(ask(R"({"op":"set","key":"k","value":1,"return_old":true})"),
              Like(R"({"ok":true,"version":#,"old":")" + large + "\"}"));
}

TEST_F(KeyCommandsTest, DelDeletesOneKey) {
  must(R"({"op":"set","key":"k","value":1})");
  EXPECT_EQ(ask(R"({"op":"del","key":"k"})"), R"({"ok":true,"deleted":1})");
  EXPECT_EQ(ask(R"({"op":"del","key":"k"})"), R"({"ok":true,"deleted":0})");
}

TEST_F(KeyCommandsTest, DelWithAVersionDeletesThatVersionOnly) {
  EXPECT_THAT(ask(R"({"op":"del","key":"k","if_version":1})"), Fails("not_found"));
  const auto version = number_in(ask(R"({"op":"set","key":"k","value":1})"), "version");
  EXPECT_THAT(ask(R"({"op":"del","key":"k","if_version":)" + std::to_string(version + 1) + "}"),
              Fails("conflict"));
  EXPECT_EQ(ask(R"({"op":"del","key":"k","if_version":)" + std::to_string(version) + "}"),
            R"({"ok":true,"deleted":1})");
}

TEST_F(KeyCommandsTest, DelOfSeveralKeysTakesNeitherVersionNorOldValue) {
  must(R"({"op":"set","key":"a","value":1})");
  EXPECT_THAT(ask(R"({"op":"del","keys":["a","b"],"if_version":1})"), Fails("invalid_request"));
  EXPECT_THAT(ask(R"({"op":"del","keys":["a"],"return_old":true})"), Fails("invalid_request"));
  EXPECT_EQ(ask(R"({"op":"exists","key":"a"})"), R"({"ok":true,"count":1})");
}

TEST_F(KeyCommandsTest, AppendAddsBytesAndAnIntegersDigits) {
  EXPECT_THAT(ask(R"({"op":"append","key":"k","value":"ab"})"),
              Like(R"({"ok":true,"length":2,"version":#})"));
  EXPECT_THAT(ask(R"({"op":"append","key":"k","value":-12})"),
              Like(R"({"ok":true,"length":5,"version":#})"));
  EXPECT_THAT(ask(R"({"op":"get","key":"k"})"),
              Like(R"({"ok":true,"found":true,"value":"ab-12","version":#})"));
  must(R"({"op":"set","key":"n","value":41})");
  EXPECT_THAT(ask(R"({"op":"append","key":"n","value":"!"})"),
              Like(R"({"ok":true,"length":3,"version":#})"));
}

TEST_F(KeyCommandsTest, AppendRefusesDocumentsOnEitherSide) {
  EXPECT_THAT(ask(R"({"op":"append","key":"k","value":[1]})"), Fails("wrong_type"));
  must(R"({"op":"set","key":"k","value":[1]})");
  EXPECT_THAT(ask(R"({"op":"append","key":"k","value":"x"})"), Fails("wrong_type"));
}

TEST_F(KeyCommandsTest, TtlOfAMissingKeyFindsNothing) {
  EXPECT_EQ(ask(R"({"op":"ttl","key":"k"})"), R"({"ok":true,"found":false})");
}

TEST_F(KeyCommandsTest, ExpireChangesTheLifeAndNotTheVersion) {
  const auto version = number_in(ask(R"({"op":"set","key":"k","value":1})"), "version");
  EXPECT_EQ(ask(R"({"op":"expire","key":"k","ttl_ms":100})"), R"({"ok":true,"found":true})");
  EXPECT_EQ(number_in(ask(R"({"op":"get","key":"k"})"), "version"), version);
  EXPECT_EQ(ask(R"({"op":"expire","key":"k","ttl_ms":null})"), R"({"ok":true,"found":true})");
  EXPECT_EQ(ask(R"({"op":"ttl","key":"k"})"), R"({"ok":true,"found":true,"ttl_ms":null})");
  EXPECT_EQ(ask(R"({"op":"expire","key":"none","ttl_ms":100})"), R"({"ok":true,"found":false})");
}

TEST_F(KeyCommandsTest, ExpireNeedsOneMoment) {
  EXPECT_THAT(ask(R"({"op":"expire","key":"k"})"), Fails("invalid_request"));
  EXPECT_THAT(ask(R"({"op":"expire","key":"k","ttl_ms":1,"expires_at_ms":1})"),
              Fails("invalid_request"));
}

TEST_F(KeyCommandsTest, ExpireKeepsToItsConditions) {
  must(R"({"op":"set","key":"k","value":1})");
  EXPECT_THAT(ask(R"({"op":"expire","key":"k","ttl_ms":100,"if_longer":true})"), Fails("conflict"));
  EXPECT_EQ(ask(R"({"op":"expire","key":"k","ttl_ms":100,"if_none":true})"),
            R"({"ok":true,"found":true})");
  EXPECT_THAT(ask(R"({"op":"expire","key":"k","ttl_ms":200,"if_none":true})"), Fails("conflict"));
  EXPECT_THAT(ask(R"({"op":"expire","key":"k","ttl_ms":50,"if_longer":true})"), Fails("conflict"));
  EXPECT_THAT(ask(R"({"op":"expire","key":"k","ttl_ms":200,"if_shorter":true})"),
              Fails("conflict"));
  EXPECT_EQ(ask(R"({"op":"ttl","key":"k"})"), R"({"ok":true,"found":true,"ttl_ms":100})");
  EXPECT_EQ(ask(R"({"op":"expire","key":"k","ttl_ms":200,"if_longer":true})"),
            R"({"ok":true,"found":true})");
  EXPECT_EQ(ask(R"({"op":"expire","key":"k","ttl_ms":50,"if_shorter":true})"),
            R"({"ok":true,"found":true})");
  EXPECT_EQ(ask(R"({"op":"ttl","key":"k"})"), R"({"ok":true,"found":true,"ttl_ms":50})");
}

TEST_F(KeyCommandsTest, PersistTakesTheEndAway) {
  must(R"({"op":"set","key":"k","value":1,"ttl_ms":100})");
  EXPECT_EQ(ask(R"({"op":"persist","key":"k"})"), R"({"ok":true,"found":true})");
  pass(milliseconds{1'000});
  EXPECT_EQ(ask(R"({"op":"ttl","key":"k"})"), R"({"ok":true,"found":true,"ttl_ms":null})");
  EXPECT_EQ(ask(R"({"op":"persist","key":"none"})"), R"({"ok":true,"found":false})");
}

TEST_F(KeyCommandsTest, AKeyAtItsLimitIsTakenAndOnePastItRefused) {
  const std::string key(kKeyBytesMax, 'k');
  EXPECT_THAT(ask(R"({"op":"set","value":1,"key":")" + key + "\"}"),
              Like(R"({"ok":true,"version":#})"));
  EXPECT_THAT(ask(R"({"op":"set","value":1,"key":")" + key + "k\"}"), Fails("too_large"));
}

TEST_F(KeyCommandsTest, AValueAtItsLimitIsTakenAndOnePastItRefused) {
  must(R"({"op":"ns.create","name":"small","max_value_bytes":100})");
  const std::string value(100, 'v');
  EXPECT_THAT(ask(R"({"op":"set","ns":"small","key":"k","value":")" + value + "\"}"),
              Like(R"({"ok":true,"version":#})"));
  EXPECT_THAT(ask(R"({"op":"set","ns":"small","key":"k","value":")" + value + "v\"}"),
              Fails("too_large"));
}

TEST_F(KeyCommandsTest, NothingLeftToEvictIsOutOfMemory) {
  must(R"({"op":"ns.create","name":"full","eviction":"none","max_keys":1})");
  must(R"({"op":"set","ns":"full","key":"a","value":1})");
  EXPECT_THAT(ask(R"({"op":"set","ns":"full","key":"b","value":1})"), Fails("out_of_memory"));
  EXPECT_THAT(ask(R"({"op":"incr","ns":"full","key":"b"})"), Fails("out_of_memory"));
  EXPECT_THAT(ask(R"({"op":"batch","ops":[{"op":"set","ns":"full","key":"b","value":1}]})"),
              Fails("out_of_memory"));
  // Each is told to the process, which has a log.
  const std::string reason = ": the namespace is at its max_bytes or max_keys";
  EXPECT_THAT(
      server_.control.refused_for_memory,
      testing::ElementsAre("1 set" + reason, "1 incr" + reason, "1 batch: ops[0]" + reason));
}

TEST_F(KeyCommandsTest, AnUnknownNamespaceIsNotFound) {
  for (const char* op :
       {R"("get","key":"k")", R"("set","key":"k","value":1)", R"("del","key":"k")",
        R"("del","keys":["a","b"])", R"("exists","key":"k")", R"("mget","keys":["k"])",
        R"("mset","entries":[{"key":"k","value":1}])", R"("incr","key":"k")", R"("decr","key":"k")",
        R"("append","key":"k","value":"x")", R"("ttl","key":"k")",
        R"("expire","key":"k","ttl_ms":1)", R"("persist","key":"k")", R"("scan")",
        R"("scan","from":"a")", R"("count")", R"("batch","ops":[])", R"("stats","key":"k")"}) {
    EXPECT_THAT(ask(R"({"ns":"nowhere","op":)" + std::string(op) + "}"), Fails("not_found")) << op;
  }
}

TEST_F(KeyCommandsTest, RequestsOfASessionWhoseNamespaceWasDroppedAreNotFound) {
  must(R"({"op":"ns.create","name":"gone"})");
  must(R"({"op":"use","name":"gone"})");
  must(R"({"op":"ns.drop","name":"gone"})");
  must(R"({"op":"ns.create","name":"gone"})");  // not the same one
  for (const char* op :
       {R"("get","key":"k")", R"("set","key":"k","value":1)",
        R"("mset","entries":[{"key":"k","value":1}])", R"("scan")", R"("scan","to":"a")",
        R"("count")", R"("mget","keys":["a","b"])", R"("batch","ops":[{"op":"get","key":"k"}])"}) {
    EXPECT_THAT(ask(R"({"op":)" + std::string(op) + "}"), Fails("not_found")) << op;
  }
  EXPECT_THAT(ask(R"({"op":"whoami"})"), testing::HasSubstr(R"("ns":null)"));
  must(R"({"op":"get","key":"k","ns":"gone"})");
}

}  // namespace
}  // namespace appmem::test
