#include "field_flags.h"

#include <gtest/gtest.h>

#include "subcommand.h"

namespace appmem::ctl {
namespace {

using protocol::CommandId;
using protocol::Field;

const protocol::FieldSpec& field(CommandId id, Field field) {
  return field_of(protocol::command_spec(id), field);
}

/// The request that a flag's text makes, or its error's message.
std::string added(const protocol::FieldSpec& spec, const std::string& text) {
  client::RequestBuilder request("x");
  const Result<void> result = add_field(request, spec, text);
  return result ? request.take().substr(9) : result.error().message;
}

TEST(Flags, AreTheFieldsNamesWithDashesAndWithoutUnits) {
  EXPECT_EQ(flag_of(field(CommandId::kSet, Field::kTtlMs)), "--ttl");
  EXPECT_EQ(flag_of(field(CommandId::kSet, Field::kIfAbsent)), "--if-absent");
  EXPECT_EQ(flag_of(field(CommandId::kSet, Field::kExpiresAtMs)), "--expires-at");
  EXPECT_EQ(flag_of(field(CommandId::kNsCreate, Field::kMaxValueBytes)), "--max-value-bytes");
}

TEST(Flags, EveryOptionalFieldOfASubcommandsOpIsOne) {
  for (const Subcommand& subcommand : subcommands()) {
    if (!subcommand.op) continue;
    const auto flags = subcommand.flag_fields();
    for (const protocol::FieldSpec& spec : subcommand.row().fields) {
      if (spec.required || subcommand.name == "list") continue;
      const bool is_flag = std::find(flags.begin(), flags.end(), &spec) != flags.end();
      const bool is_argument = std::find(subcommand.positional.begin(), subcommand.positional.end(),
                                         spec.field) != subcommand.positional.end();
      EXPECT_TRUE(is_flag || is_argument) << subcommand.name << " " << flag_of(spec);
    }
  }
}

TEST(Flags, TakeUnits) {
  EXPECT_EQ(added(field(CommandId::kSet, Field::kTtlMs), "1h30m"), ",\"ttl_ms\":5400000}");
  EXPECT_EQ(added(field(CommandId::kSet, Field::kTtlMs), "never"), ",\"ttl_ms\":null}");
  EXPECT_EQ(added(field(CommandId::kNsCreate, Field::kMaxBytes), "64MiB"),
            ",\"max_bytes\":67108864}");
  EXPECT_EQ(added(field(CommandId::kNsCreate, Field::kMaxBytes), "none"), ",\"max_bytes\":null}");
  for (const char* const word : {"none", "never"}) {
    EXPECT_EQ(added(field(CommandId::kNsAlter, Field::kDefaultTtlMs), word),
              ",\"default_ttl_ms\":null}");
    EXPECT_EQ(added(field(CommandId::kNsAlter, Field::kMaxKeys), word), ",\"max_keys\":null}");
  }
  EXPECT_EQ(added(field(CommandId::kNsCreate, Field::kReservedBytes), "1k"),
            ",\"reserved_bytes\":1024}");
  EXPECT_EQ(added(field(CommandId::kNsCreate, Field::kMaxKeys), "7"), ",\"max_keys\":7}");
  EXPECT_EQ(added(field(CommandId::kIncr, Field::kBy), "-9223372036854775808"),
            ",\"by\":-9223372036854775808}");
  EXPECT_EQ(added(field(CommandId::kSet, Field::kValue), "{}"), ",\"value_b64\":\"e30=\"}");
  EXPECT_EQ(added(field(CommandId::kScan, Field::kPrefix), "\xFF"), ",\"prefix_b64\":\"/w==\"}");
  EXPECT_EQ(added(field(CommandId::kScan, Field::kCursor), "12"), ",\"cursor\":\"12\"}");
  EXPECT_EQ(added(field(CommandId::kSet, Field::kIfAbsent), "true"), ",\"if_absent\":true}");
  EXPECT_EQ(added(field(CommandId::kNsCreate, Field::kType), "json"), ",\"type\":\"json\"}");
}

TEST(Flags, SayWhatTheyTake) {
  EXPECT_EQ(added(field(CommandId::kIncr, Field::kBy), "1.5"), "--by takes a number, not \"1.5\"");
  EXPECT_EQ(added(field(CommandId::kIncr, Field::kBy), "9223372036854775808"),
            "--by takes a number, not \"9223372036854775808\"");
  EXPECT_EQ(added(field(CommandId::kSet, Field::kIfVersion), "-1"),
            "--if-version takes a number from 0 to 9223372036854775807, not \"-1\"");
  EXPECT_EQ(added(field(CommandId::kNsCreate, Field::kEviction), "lfu"),
            "--eviction takes one of lru s3fifo none, not \"lfu\"");
}

TEST(ParseMoment, KnowsDaysTimesAndMilliseconds) {
  EXPECT_EQ(parse_moment("1970-01-01"), 0);
  EXPECT_EQ(parse_moment("2027-01-31T12:00:00Z"), 1'801'396'800'000);
  EXPECT_EQ(parse_moment("2027-01-31 12:00:00"), 1'801'396'800'000);
  EXPECT_EQ(parse_moment("1801396800000"), 1'801'396'800'000);
  EXPECT_EQ(parse_moment("-1"), -1);
  EXPECT_EQ(parse_moment("2028-02-29"), 1'835'395'200'000);
}

TEST(ParseMoment, RefusesWhatIsNoMoment) {
  for (const char* text :
       {"", "tomorrow", "2027-02-29", "2027-13-01", "2027-00-01", "2027-1-1", "2027-01-31T",
        "2027-01-31T24:00:00", "2027-01-31T12:60:00", "2027-01-31T12:00:60", "2027-01-31T12:00",
        "2027-01-31T12:00:00+01:00", "2027-01-31x", "20 7-01-31"}) {
    EXPECT_FALSE(parse_moment(text)) << text;
  }
}

}  // namespace
}  // namespace appmem::ctl
