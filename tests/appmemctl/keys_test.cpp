#include <fstream>

#include "ctl_fixture.h"
#include "terminal.h"

namespace appmem::test {
namespace {

using testing::HasSubstr;
using testing::MatchesRegex;

using KeysTest = CtlTest;

TEST_F(KeysTest, GetPrintsExactlyTheBytes) {
  EXPECT_THAT(ctl({"set", "name", "Ada"}), Prints("OK\n"));
  EXPECT_THAT(ctl({"get", "name"}), Prints("Ada"));
  EXPECT_THAT(ctl({"get", "name", "--raw"}), Prints("Ada"));
  EXPECT_THAT(ctl({"set", "empty", ""}), Prints("OK\n"));
  EXPECT_THAT(ctl({"get", "empty"}), Prints(""));
}

TEST_F(KeysTest, AMissingKeyIsAnExitCodeAndNoWord) {
  EXPECT_THAT(ctl({"get", "none"}), Exits(1, ""));
  EXPECT_THAT(ctl({"ttl", "none"}), Exits(1, ""));
  EXPECT_THAT(ctl({"expire", "none", "5m"}), Exits(1, ""));
  EXPECT_THAT(ctl({"persist", "none"}), Exits(1, ""));
  EXPECT_THAT(ctl({"stats", "none"}), Exits(1, ""));
  EXPECT_THAT(ctl({"del", "none"}), Exits(1, "0\n"));
  EXPECT_THAT(ctl({"exists", "none"}), Exits(1, "0\n"));
}

TEST_F(KeysTest, AMissingKeyIsAWordOnATerminalUnlessBytesAreWanted) {
  const auto shown = [&](const Words& arguments) {
    std::vector<std::string> command = {binary_dir() / "appmemctl", "-a", daemon_.socket()};
    command.insert(command.end(), arguments.begin(), arguments.end());
    Terminal terminal(command, {});
    EXPECT_EQ(terminal.wait(), 1);
    return terminal.screen();
  };
  for (const char* const op : {"get", "ttl", "stats", "persist"}) {
    EXPECT_EQ(shown({op, "missing"}), "(nil)\n") << op;
    EXPECT_EQ(shown({"--raw", op, "missing"}), "") << op;
  }
}

TEST_F(KeysTest, ATraceIntoANamespaceThatHoldsKeysIsWarnedOf) {
  const TemporaryDirectory directory;
  std::ofstream(directory.file("t.csv")) << "a,1\nb,1\na,1\n";
  const Words replay = {"bench", "--json", "--trace", directory.file("t.csv")};
  EXPECT_EQ(ctl(replay).errors, "");
  const Ran again = ctl(replay);
  EXPECT_EQ(again.exit_code, 0);
  EXPECT_THAT(again.errors, HasSubstr("warning: the namespace default holds 2 keys already"));
  EXPECT_THAT(ctl({"-n", "none", "bench", "--trace", directory.file("t.csv")}),
              Fails(1, "no namespace named \"none\" (`appmemctl ns list`"));
  EXPECT_THAT(ctl({"-n", "none", "get", "a"}), Fails(1, "`appmemctl ns create NAME` makes one"));
}

TEST_F(KeysTest, ATraceThatCannotBeReadIsNamed) {
  const TemporaryDirectory directory;
  const auto replay = [&](const std::string& name, const std::string& text) {
    std::ofstream(directory.file(name), std::ios::binary) << text;
    return ctl({"bench", "--trace", directory.file(name)});
  };
  std::ifstream file(source_dir() / "tests/data/web12.csv.gz", std::ios::binary);
  std::string beginning(1'000, '\0');
  ASSERT_TRUE(file.read(beginning.data(), 1'000));
  EXPECT_THAT(replay("cut.gz", beginning), Fails(7, "cut.gz: unexpected end of file"));
  EXPECT_THAT(replay("empty.csv", ""), Fails(7, "empty.csv has no requests"));
  EXPECT_THAT(replay("bad.csv", "a,1\nb"), Fails(7, "bad.csv:2: expected \"key,size\""));
  EXPECT_THAT(ctl({"bench", "--trace", directory.path()}), Fails(7, ": Is a directory"));
}

TEST_F(KeysTest, SeveralKeysPrintLines) {
  EXPECT_THAT(ctl({"set", "cake=🎂", "horns=😈"}), Prints("OK\n"));
  EXPECT_THAT(ctl({"get", "cake", "horns"}), Prints("cake: 🎂\nhorns: 😈\n"));
  EXPECT_THAT(ctl({"mget", "horns", "cake"}), Prints("horns: 😈\ncake: 🎂\n"));
  EXPECT_THAT(ctl({"mget", "cake"}), Prints("cake: 🎂\n"));
  EXPECT_THAT(ctl({"mget", "cake", "none"}), Exits(1, "cake: 🎂\nnone: (nil)\n"));
  EXPECT_THAT(ctl({"get", "cake", "horns", "--raw"}), Prints("🎂😈"));
  EXPECT_THAT(ctl({"exists", "cake", "horns", "none"}), Exits(1, "2\n"));
  EXPECT_THAT(ctl({"exists", "cake", "cake"}), Prints("1\n"));
  EXPECT_THAT(ctl({"del", "cake", "horns"}), Prints("2\n"));
}

TEST_F(KeysTest, SetTakesAValueFromStandardInput) {
  std::string bytes;
  for (int c = 0; c < 256; ++c)
    bytes.push_back(static_cast<char>(c));
  bytes += "\nlines\r\n\n";
  EXPECT_THAT(ctl({"set", "k", "-"}, bytes), Prints("OK\n"));
  EXPECT_THAT(ctl({"get", "k"}), Prints(bytes));
  EXPECT_THAT(ctl({"set", "k", "-"}, ""), Prints("OK\n"));
  EXPECT_THAT(ctl({"get", "k"}), Prints(""));
  EXPECT_THAT(ctl({"append", "k", "-"}, "more"), Prints("4\n"));
}

TEST_F(KeysTest, SetTakesAValueFromAFile) {
  const TemporaryDirectory directory;
  std::ofstream(directory.file("v")) << "from a file\n";
  EXPECT_THAT(ctl({"set", "k", "--value-file", directory.file("v")}), Prints("OK\n"));
  EXPECT_THAT(ctl({"get", "k"}), Prints("from a file\n"));
  EXPECT_THAT(ctl({"set", "k", "--value-file", directory.file("none")}),
              Fails(7, directory.file("none") + ": No such file"));
}

TEST_F(KeysTest, SetTakesPairsAndSplitsAtTheFirstEqualsSign) {
  EXPECT_THAT(ctl({"set", "a=1=2", "b="}), Prints("OK\n"));
  EXPECT_THAT(ctl({"get", "a", "b"}), Prints("a: 1=2\nb: \n"));
  EXPECT_THAT(ctl({"set", "one=pair"}), Prints("OK\n"));
  EXPECT_THAT(ctl({"get", "one"}), Prints("pair"));
  EXPECT_THAT(ctl({"set", "k", "x=y"}), Prints("OK\n"));
  EXPECT_THAT(ctl({"get", "k"}), Prints("x=y"));
}

TEST_F(KeysTest, PairsAreOneAtomicRequest) {
  EXPECT_THAT(ctl({"set", "b", "old"}), Prints("OK\n"));
  EXPECT_THAT(ctl({"set", "a=1", "b=2", "--if-absent"}), Fails(1, "exists"));
  EXPECT_THAT(ctl({"get", "a"}), Exits(1, ""));
  EXPECT_THAT(ctl({"set", "a=1", "b=2", "--if-present"}), Fails(1, ""));
  EXPECT_THAT(ctl({"get", "a"}), Exits(1, ""));
  EXPECT_THAT(ctl({"set", "a=1", "b=2", "--return-old"}), Prints("a: (nil)\nb: old\n"));
  EXPECT_THAT(ctl({"set", "a=3", "b=4", "--ttl", "5m"}), Prints("OK\n"));
  EXPECT_THAT(ctl({"ttl", "b"}), Prints("5m\n"));
  EXPECT_THAT(ctl({"mset", "a=5", "c=6", "--ttl", "1h"}), Prints("OK\n"));
  EXPECT_THAT(ctl({"ttl", "c"}), Prints("1h\n"));
  EXPECT_THAT(ctl({"mset", "a=5", "c=6", "--if-absent"}), Fails(1, "exists"));
}

TEST_F(KeysTest, UnclearFormsOfSetPointToTheLongOne) {
  for (const Words& words :
       {Words{"set"}, Words{"set", "k"}, Words{"set", "a=1", "b"}, Words{"set", "a", "b", "c"},
        Words{"set", "--key", "k"}, Words{"set", "k", "v", "--value", "x"},
        Words{"set", "k", "--value", "x", "--value-file", "f"}}) {
    EXPECT_THAT(ctl(words), Fails(2, "--key KEY --value VALUE"));
  }
  EXPECT_THAT(ctl({"set", "--key", "a=b", "--value", "-x=y"}), Prints("OK\n"));
  EXPECT_THAT(ctl({"get", "a=b"}), Prints("-x=y"));
  EXPECT_THAT(ctl({"set", "k", "--value", "v"}), Prints("OK\n"));
}

TEST_F(KeysTest, DataThatLooksLikeFlagsOrListsIsData) {
  for (const std::string value :
       {"-5", "-5.5e3", "[1,2]", "[]", "{}", "%%", "\x01-1", "--", "-", "a,b", "\"q\""}) {
    EXPECT_THAT(ctl({"set", "--value=" + value, "--key=k"}), Prints("OK\n"));
    EXPECT_THAT(ctl({"get", "k"}), Prints(value));
    if (value == "-") continue;
    EXPECT_THAT(ctl({"set", "--", "k", value}), Prints("OK\n"));
    EXPECT_THAT(ctl({"get", "k"}), Prints(value));
  }
  EXPECT_THAT(ctl({"set", "k", "-5"}), Prints("OK\n"));
  EXPECT_THAT(ctl({"incr", "k", "--by", "-10"}), Prints("-15\n"));
  EXPECT_THAT(ctl({"incr", "k", "--by=-10"}), Prints("-25\n"));
  EXPECT_THAT(ctl({"set", "k", "[1,2]"}), Prints("OK\n"));
  EXPECT_THAT(ctl({"get", "k"}), Prints("[1,2]"));
  EXPECT_THAT(ctl({"set", "--key", "k", "--value="}), Prints("OK\n"));
  EXPECT_THAT(ctl({"get", "k"}), Prints(""));
  EXPECT_THAT(ctl({"set", "[a]", "{}"}), Prints("OK\n"));
  EXPECT_THAT(ctl({"get", "[a]"}), Prints("{}"));
}

TEST_F(KeysTest, ConditionsOfASet) {
  EXPECT_THAT(ctl({"set", "k", "v", "--if-present"}), Fails(1, "k"));
  EXPECT_THAT(ctl({"set", "k", "v", "--if-absent"}), Prints("OK\n"));
  EXPECT_THAT(ctl({"set", "k", "w", "--if-absent"}), Fails(1, "exists"));
  EXPECT_THAT(ctl({"set", "k", "w", "--if-version", "1"}), Fails(1, "version"));
  EXPECT_THAT(ctl({"set", "k", "w", "--return-old"}), Prints("v"));
  EXPECT_THAT(ctl({"set", "k", "w", "--if-absent", "--if-present"}),
              Fails(2, "--if-absent and --if-present exclude each other"));
  EXPECT_THAT(ctl({"set", "k", "w", "--ttl", "5m", "--keep-ttl"}),
              Fails(2, "--ttl and --keep-ttl exclude each other"));
  EXPECT_THAT(ctl({"scan", "--prefix", "a", "--from", "b"}),
              Fails(2, "--prefix and --from exclude each other"));
  EXPECT_THAT(ctl({"scan", "--from", "a", "--to", "b"}), Prints(""));
  EXPECT_THAT(ctl({"del", "k", "l", "--if-version", "1"}), Fails(2, "--if-version goes with one"));
}

TEST_F(KeysTest, TimeToLive) {
  EXPECT_THAT(ctl({"set", "k", "v", "--ttl", "5m"}), Prints("OK\n"));
  EXPECT_THAT(ctl({"ttl", "k"}), Prints("5m\n"));
  EXPECT_THAT(ctl({"set", "k", "w", "--keep-ttl"}), Prints("OK\n"));
  EXPECT_THAT(ctl({"ttl", "k"}), Prints("5m\n"));
  EXPECT_THAT(ctl({"expire", "k", "1h30m"}), Prints("OK\n"));
  EXPECT_THAT(ctl({"ttl", "k"}), Prints("1h30m\n"));
  EXPECT_THAT(ctl({"expire", "k", "1m", "--if-longer"}), Fails(1, ""));
  EXPECT_THAT(ctl({"persist", "k"}), Prints("OK\n"));
  EXPECT_THAT(ctl({"ttl", "k"}), Prints("never\n"));
  EXPECT_THAT(ctl({"get", "k", "--touch-ttl", "2d"}), Prints("w"));
  EXPECT_THAT(ctl({"ttl", "k"}), Prints("2d\n"));
  EXPECT_THAT(ctl({"get", "k", "k", "--touch-ttl", "never"}), Prints("k: w\nk: w\n"));
  EXPECT_THAT(ctl({"ttl", "k"}), Prints("never\n"));
  EXPECT_THAT(ctl({"expire", "k", "never"}), Prints("OK\n"));
  EXPECT_THAT(ctl({"expire", "k", "--expires-at", "2001-01-01"}), Prints("OK\n"));
  EXPECT_THAT(ctl({"get", "k"}), Exits(1, ""));
  EXPECT_THAT(ctl({"set", "k", "v", "--expires-at", "2099-01-01T00:00:00Z"}), Prints("OK\n"));
  EXPECT_THAT(ctl({"ttl", "k", "--raw"}).output, MatchesRegex("[0-9]+\n"));
}

TEST_F(KeysTest, TimesWithoutSenseAreUsageErrors) {
  EXPECT_THAT(ctl({"set", "k", "v", "--ttl", "5"}), Fails(2, "--ttl"));
  EXPECT_THAT(ctl({"set", "k", "v", "--ttl", "soon"}), Fails(2, "--ttl"));
  EXPECT_THAT(ctl({"set", "k", "v", "--expires-at", "tomorrow"}), Fails(2, "2027-01-31"));
  EXPECT_THAT(ctl({"expire", "k"}), Fails(2, "expire KEY 5m"));
  EXPECT_THAT(ctl({"expire", "k", "5m", "--expires-at", "2027-01-01"}), Fails(2, "one point"));
  EXPECT_THAT(ctl({"set", "k", "v", "--ttl", "0"}), Fails(2, "--ttl takes"));
  EXPECT_THAT(ctl({"expire", "k", "0s"}), Fails(2, "DURATION takes a duration from 1ms"));
}

TEST_F(KeysTest, Counters) {
  EXPECT_THAT(ctl({"incr", "n", "--by", "41", "--initial", "1"}), Prints("42\n"));
  EXPECT_THAT(ctl({"decr", "n"}), Prints("41\n"));
  EXPECT_THAT(ctl({"decr", "n", "--by", "50", "--min", "0"}), Fails(4, "below min"));
  EXPECT_THAT(ctl({"incr", "n", "--max", "41"}), Fails(4, "above max"));
  EXPECT_THAT(ctl({"incr", "new", "--ttl", "1m"}), Prints("1\n"));
  EXPECT_THAT(ctl({"ttl", "new"}), Prints("1m\n"));
  EXPECT_THAT(ctl({"set", "s", "text"}), Prints("OK\n"));
  EXPECT_THAT(ctl({"incr", "s"}), Fails(4, "integer"));
  EXPECT_THAT(ctl({"incr", "n", "--by", "x"}), Fails(2, "--by takes a number"));
  EXPECT_THAT(ctl({"get", "n"}), Prints("41"));
}

TEST_F(KeysTest, AppendPrintsTheLength) {
  EXPECT_THAT(ctl({"append", "k", "ab"}), Prints("2\n"));
  EXPECT_THAT(ctl({"append", "k", "cde"}), Prints("5\n"));
  EXPECT_THAT(ctl({"get", "k"}), Prints("abcde"));
}

TEST_F(KeysTest, JsonPrintsTheAnswersLine) {
  EXPECT_THAT(ctl({"set", "k", "v", "--json"}).output,
              MatchesRegex("\\{\"ok\":true,\"version\":[0-9]+\\}\n"));
  EXPECT_THAT(
      ctl({"--json", "get", "k"}).output,
      MatchesRegex("\\{\"ok\":true,\"found\":true,\"value\":\"v\",\"version\":[0-9]+\\}\n"));
  EXPECT_THAT(ctl({"get", "none", "--json"}), Exits(1, "{\"ok\":true,\"found\":false}\n"));
  EXPECT_THAT(ctl({"exists", "k", "--json"}), Prints("{\"ok\":true,\"count\":1}\n"));
  const Ran refused = ctl({"set", "k", "v", "--if-absent", "--json"});
  EXPECT_EQ(refused.exit_code, 1);
  EXPECT_THAT(refused.output, HasSubstr("\"code\":\"exists\""));
  EXPECT_EQ(ctl({"set", "bin", "-"}, "\xFF").exit_code, 0);
  EXPECT_THAT(ctl({"get", "bin", "--json"}).output, HasSubstr("\"value_b64\":\"/w==\""));
}

TEST_F(KeysTest, KeysMayBeAnyBytes) {
  const std::string key = "\xFF\xFE key\n";
  EXPECT_THAT(ctl({"set", key, "v"}), Prints("OK\n"));
  EXPECT_THAT(ctl({"get", key}), Prints("v"));
  EXPECT_THAT(ctl({"mget", key, "x"}).output, HasSubstr(key + ": v\n"));
  EXPECT_THAT(ctl({"del", key}), Prints("1\n"));
}

TEST_F(KeysTest, ListIsSortedAndWhole) {
  std::string expected;
  std::string lines;
  for (int i = 1000; i < 4500; ++i) {
    lines += "{\"op\":\"set\",\"key\":\"k" + std::to_string(5499 - i) + "\",\"value\":1}\n";
    expected += "k" + std::to_string(i) + " = 1\n";
  }
  EXPECT_EQ(ctl({"batch"}, lines).exit_code, 0);
  EXPECT_THAT(ctl({"list"}), Prints(expected));
  EXPECT_THAT(ctl({"list", "--prefix", "k1001"}), Prints("k1001 = 1\n"));
  EXPECT_THAT(ctl({"list", "--glob", "k449[89]"}), Prints("k4498 = 1\nk4499 = 1\n"));
  EXPECT_THAT(ctl({"list", "--prefix", "z"}), Prints(""));
  EXPECT_THAT(ctl({"count"}), Prints("3500\n"));
  EXPECT_THAT(ctl({"count", "--prefix", "k44"}), Prints("100\n"));
  const Ran scanned = ctl({"scan"});
  EXPECT_EQ(std::count(scanned.output.begin(), scanned.output.end(), '\n'), 3500);
  EXPECT_EQ(scanned.errors, "");
  EXPECT_THAT(
      ctl({"list", "--prefix", "k1000", "--json"}).output,
      MatchesRegex("\\{\"ok\":true,\"entries\":\\[\\{\"key\":\"k1000\",\"value\":1,.*\\}\\],"
                   "\"cursor\":null\\}\n"));
}

TEST_F(KeysTest, ScanInPagesOfOnesOwn) {
  for (int i = 0; i < 3; ++i)
    EXPECT_EQ(ctl({"set", "k" + std::to_string(i), "v"}).exit_code, 0);
  std::vector<std::string> keys;
  std::string cursor;
  for (int page = 0; page < 10; ++page) {
    Words words = {"scan", "--limit", "1"};
    if (!cursor.empty()) words.insert(words.end(), {"--cursor", cursor});
    const Ran ran = ctl(words);
    ASSERT_EQ(ran.exit_code, 0) << ran.errors;
    if (!ran.output.empty()) keys.push_back(ran.output);
    if (ran.errors.empty()) break;
    ASSERT_THAT(ran.errors, testing::StartsWith("more: --cursor "));
    cursor = ran.errors.substr(15, ran.errors.size() - 16);
  }
  EXPECT_THAT(keys, testing::UnorderedElementsAre("k0\n", "k1\n", "k2\n"));
  EXPECT_THAT(ctl({"scan", "--from", "k1", "--values"}), Prints("k1 = v\nk2 = v\n"));
}

TEST_F(KeysTest, StatsOfAKey) {
  EXPECT_EQ(ctl({"set", "k", "value"}).exit_code, 0);
  EXPECT_THAT(ctl({"stats", "k"}).output,
              MatchesRegex("found: true\ntype: bytes\nlength: 5\nbytes: [0-9]+\nidle_ms: [0-9]+\n"
                           "ttl_ms: -\nversion: [0-9]+\n"));
}

/// As redis-server does: see "KEYS o?l[xyz" in tests/conformance/resp.jsonl.
TEST_F(CtlTest, ABracketOfAGlobThatIsNotClosedEndsWithIt) {
  EXPECT_THAT(ctl({"mset", "y=1", "z=2", "[z=3", "zz=4"}), Prints("OK\n"));
  EXPECT_THAT(ctl({"list", "--glob", "[z"}), Prints("z = 2\n"));
  EXPECT_THAT(ctl({"list", "--glob", "\\[z"}), Prints("[z = 3\n"));
  EXPECT_THAT(ctl({"list", "--glob", "["}), Prints(""));
}

}  // namespace
}  // namespace appmem::test
