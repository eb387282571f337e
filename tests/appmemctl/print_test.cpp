#include "print.h"

#include <array>

#include <gtest/gtest.h>
#include <unistd.h>

namespace appmem::ctl {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::seconds;

/// What a function writes.
template <typename Write>
std::string written(Write write) {
  std::array<int, 2> ends{};
  EXPECT_EQ(::pipe(ends.data()), 0);
  {
    Output out(ends[1]);
    write(out);
  }
  ::close(ends[1]);
  std::string text(65'536, '\0');
  const ssize_t n = ::read(ends[0], text.data(), text.size());
  ::close(ends[0]);
  text.resize(static_cast<std::size_t>(n));
  return text;
}

client::JsonView json(std::string_view text) {
  return client::JsonView::parse(text).value();
}

TEST(FormatTimeLeft, ShowsTwoUnitsRoundedUp) {
  EXPECT_EQ(format_time_left(milliseconds(1)), "1ms");
  EXPECT_EQ(format_time_left(milliseconds(999)), "999ms");
  EXPECT_EQ(format_time_left(milliseconds(1000)), "1s");
  EXPECT_EQ(format_time_left(milliseconds(1001)), "2s");
  EXPECT_EQ(format_time_left(milliseconds(299'998)), "5m");
  EXPECT_EQ(format_time_left(seconds(299)), "4m59s");
  EXPECT_EQ(format_time_left(seconds(3600)), "1h");
  EXPECT_EQ(format_time_left(seconds(3601)), "1h");
  EXPECT_EQ(format_time_left(hours(24) + seconds(3600)), "1d1h");
  EXPECT_EQ(format_time_left(hours(24 * 400)), "400d");
}

TEST(FormatBytes, HasAtMostOneDigitBehindThePoint) {
  EXPECT_EQ(format_bytes(1023), std::nullopt);
  EXPECT_EQ(format_bytes(1024), "1 KiB");
  EXPECT_EQ(format_bytes(152'200), "148.6 KiB");
  EXPECT_EQ(format_bytes(1_MiB - 1), "1 MiB");
  EXPECT_EQ(format_bytes(6'318'718'976), "5.9 GiB");
  EXPECT_EQ(format_bytes(5'000_GiB), "4.9 TiB");
  EXPECT_EQ(format_bytes(UINT64_MAX), "16777216 TiB");
}

TEST(PrintFields, SaysWhatBytesAndMillisecondsComeTo) {
  const std::string answer =
      R"({"memory_used":152200,"live":12,"max_bytes":2097152,"keys":5000,"uptime_ms":123456,"a_ms":9,"b":{"bytes":2048},"c_bytes":null})";
  EXPECT_EQ(written([&](Output& out) { print_fields(out, json(answer)); }),
            "memory_used: 152200 (148.6 KiB)\nlive: 12\nmax_bytes: 2097152 (2 MiB)\n"
            "keys: 5000\nuptime_ms: 123456 (2m4s)\na_ms: 9\nb.bytes: 2048 (2 KiB)\n"
            "c_bytes: -\n");
}

TEST(PrintTable, BytesHaveUnits) {
  constexpr std::string_view kColumns[] = {"keys", "memory"};
  const std::string rows = R"([{"keys":4096,"memory":4096},{"keys":1,"memory":10}])";
  EXPECT_EQ(written([&](Output& out) { print_table(out, json(rows), kColumns); }),
            "keys  memory\n4096   4 KiB\n   1      10\n");
}

TEST(PrintFields, FlattensObjectsAndLists) {
  const std::string answer =
      R"({"ok":true,"a":1,"b":null,"c":{"d":"x","e":{"f":[1,2]}},"g":[],"h":""})";
  EXPECT_EQ(written([&](Output& out) { print_fields(out, json(answer)); }),
            "a: 1\nb: -\nc.d: x\nc.e.f: 1, 2\ng: -\nh: -\n");
}

TEST(PrintTable, AlignsNumbersRightAndTextLeft) {
  constexpr std::string_view kColumns[] = {"name", "keys", "none"};
  const std::string rows = R"([{"name":"é","keys":1234567},{"name":"default","keys":5}])";
  EXPECT_EQ(written([&](Output& out) { print_table(out, json(rows), kColumns); }),
            "name     keys     none\né        1234567  -\ndefault        5  -\n");
}

TEST(Output, WritesStoredBytesAsTheyAreIntoAPipe) {
  EXPECT_EQ(written([](Output& out) {
              out.write_stored("\x1b[0m\n");
              out.write_stored_in_line("\x1b\n");
              out.mute(true);
              out.write("dropped");
              out.mute(false);
            }),
            "\x1b[0m\n\x1b\n");
}

}  // namespace
}  // namespace appmem::ctl
