#include <string>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "log_line.h"
#include "rate_limiter.h"

namespace appmem::daemon::test {
namespace {

using std::chrono::seconds;

TEST(LogLineTest, TextIsReadable) {
  const EventField fields[] = {EventField::of("uid", 1000), EventField::of("limit", "at once")};
  EXPECT_EQ(log_line_text("closed a client", fields, 0),
            "closed a client  uid=1000  limit=at once");
  EXPECT_EQ(log_line_text("closed a client", {}, 3), "closed a client  left_out=3");
}

TEST(LogLineTest, OneEventIsOneLine) {
  const EventField fields[] = {EventField::of("path", "a\nb\x1b[0m\x7f")};
  EXPECT_EQ(log_line_text("x\ny", fields, 0), "x?y  path=a?b?[0m?");
}

TEST(LogLineTest, JsonIsValidWhateverTheTextsContain) {
  std::string every;
  for (int c = 0; c < 256; ++c)
    every += static_cast<char>(c);
  const EventField fields[] = {EventField::of("path", every), EventField::of("count", -7),
                               EventField::of("quoted", "\"%v\" \\")};
  const std::string line = log_line_json("name", every, fields, 2);
  EXPECT_EQ(line.find('\n'), std::string::npos);
  const auto object = nlohmann::json::parse("{" + line + "}");
  EXPECT_EQ(object.at("event"), "name");
  EXPECT_EQ(object.at("count"), -7);
  EXPECT_EQ(object.at("quoted"), "\"%v\" \\");
  EXPECT_EQ(object.at("left_out"), 2);
  EXPECT_EQ(object.at("path").get<std::string>().substr(0, 128), every.substr(0, 128));
}

TEST(RateLimiterTest, CountsWhatItLeavesOut) {
  RateLimiter limiter;
  TimePoint now{seconds{100}};
  for (std::size_t i = 0; i < RateLimiter::kEventsPerSecondMax; ++i)
    EXPECT_EQ(limiter.admit("a", now), 0U);
  for (int i = 0; i < 7; ++i)
    EXPECT_FALSE(limiter.admit("a", now));
  EXPECT_EQ(limiter.admit("b", now), 0U);  // each name has its own share
  now += seconds{1} - milliseconds{1};
  EXPECT_FALSE(limiter.admit("a", now));
  now += milliseconds{1};
  EXPECT_EQ(limiter.admit("a", now), 8U);
  EXPECT_EQ(limiter.admit("a", now), 0U);
}

}  // namespace
}  // namespace appmem::daemon::test
