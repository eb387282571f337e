#include "options.h"

#include <fstream>
#include <map>
#include <sstream>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "appmem/base/units.h"
#include "command_line.h"
#include "config_text.h"
#include "support/temporary_directory.h"

namespace appmem::daemon::test {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

class OptionsTest : public testing::Test {
 protected:
  Result<CommandLine> parse(const std::vector<std::string>& arguments) {
    std::vector<const char*> argv{"appmemd"};
    for (const std::string& argument : arguments)
      argv.push_back(argument.c_str());
    return read_command_line(static_cast<int>(argv.size()), argv.data(), machine_,
                             [this](const std::string& name) -> std::optional<std::string> {
                               const auto found = environment_.find(name);
                               if (found == environment_.end()) return std::nullopt;
                               return found->second;
                             });
  }
  Options options(const std::vector<std::string>& arguments) {
    const auto line = parse(arguments);
    EXPECT_TRUE(line) << line.error().message;
    return line ? line->options : Options{};
  }
  std::string refusal(const std::vector<std::string>& arguments) {
    const auto line = parse(arguments);
    return line ? "accepted" : line.error().message;
  }
  std::string write_config(const std::string& text) {
    std::ofstream(directory_.file("c.toml")) << text;
    return directory_.file("c.toml");
  }

  appmem::test::TemporaryDirectory directory_;
  Machine machine_{8, 16_GiB, "/run/test/appmem.sock", "/"};
  std::map<std::string, std::string> environment_;
};

TEST_F(OptionsTest, ARelativeSocketCountsFromTheWorkingDirectory) {
  machine_.working_directory = "/srv";
  EXPECT_EQ(options({"--socket", "./app.sock"}).socket, "/srv/app.sock");
  EXPECT_EQ(options({"--socket", "unix:app.sock"}).socket, "/srv/app.sock");
  EXPECT_EQ(options({"--socket", "../a/app.sock"}).socket, "/a/app.sock");
  EXPECT_EQ(options({"--socket", "unix:/run/app.sock"}).socket, "/run/app.sock");
  machine_.working_directory = "/" + std::string(kSocketPathBytesMax, 'w');
  EXPECT_THAT(refusal({"--socket", "./s"}), HasSubstr("at most 107 bytes"));
}

TEST_F(OptionsTest, DefaultsComeFromTheMachine) {
  const Options result = options({});
  EXPECT_EQ(result.socket, "/run/test/appmem.sock");
  EXPECT_EQ(result.socket_mode, 0600U);
  EXPECT_EQ(result.threads, 4U);
  EXPECT_EQ(result.max_memory_bytes, 4_GiB);
  EXPECT_EQ(result.shutdown_timeout, std::chrono::seconds{5});
  machine_.cores = 2;
  machine_.memory_bytes = 1000_MiB + 3;
  EXPECT_EQ(options({}).threads, 2U);
  EXPECT_EQ(options({}).max_memory_bytes, 250_MiB);
}

TEST_F(OptionsTest, TheDataDirectoryIsAnAbsolutePathOrNone) {
  EXPECT_EQ(options({"--data-dir", ""}).data_dir, "");
  EXPECT_THAT(refusal({"--data-dir", "data"}), HasSubstr("an absolute path"));
}

TEST_F(OptionsTest, AFlagComesBeforeTheEnvironmentAndThatBeforeTheFile) {
  const std::string file =
      write_config("max-connections = 10\nthreads = 10\nmax-memory = \"1GiB\"");
  environment_ = {{"APPMEM_THREADS", "20"}, {"APPMEM_MAX_CONNECTIONS", "20"}};
  const Options result = options({"--config", file, "--max-connections", "30"});
  EXPECT_EQ(result.limits.connections_max, 30U);
  EXPECT_EQ(result.threads, 20U);
  EXPECT_EQ(result.max_memory_bytes, 1_GiB);
}

TEST_F(OptionsTest, TheFileMayBeNamedInTheEnvironment) {
  environment_["APPMEM_CONFIG"] = write_config("threads = 3");
  EXPECT_EQ(options({}).threads, 3U);
  const std::string other = directory_.file("other.toml");
  std::ofstream(other) << "threads = 5";
  EXPECT_EQ(options({"--config", other}).threads, 5U);
}

TEST_F(OptionsTest, AnEmptyVariableIsUnset) {
  environment_["APPMEM_THREADS"] = "";
  EXPECT_EQ(options({}).threads, 4U);
}

TEST_F(OptionsTest, EveryOptionHasAllItsFormsAndReadsWhatItShows) {
  const std::map<std::string, std::string> others = {{"listen", "unix:/a%20b?mode=0640 /c"},
                                                     {"tcp", "[::1]:7"},
                                                     {"tcp-token-file", "/etc/appmem/token"},
                                                     {"tcp-insecure", "true"},
                                                     {"socket", "/elsewhere/s"},
                                                     {"socket-mode", "0640"},
                                                     {"socket-group", "staff"},
                                                     {"threads", "7"},
                                                     {"max-memory", "3GiB"},
                                                     {"eviction", "s3fifo"},
                                                     {"data-dir", "/srv/data"},
                                                     {"sync", "interval"},
                                                     {"sync-interval", "250ms"},
                                                     {"segment-size", "1MiB"},
                                                     {"checkpoint-interval", "30s"},
                                                     {"compaction-rate", "20MiB"},
                                                     {"compress-above", "4KiB"},
                                                     {"max-value-bytes", "1MiB"},
                                                     {"max-request-bytes", "2MiB"},
                                                     {"max-connections", "77"},
                                                     {"max-output-stalled", "5MiB"},
                                                     {"output-stall-timeout", "1500ms"},
                                                     {"max-output", "100MiB"},
                                                     {"request-timeout", "0"},
                                                     {"idle-timeout", "1h"},
                                                     {"shutdown-timeout", "90s"},
                                                     {"log-format", "json"},
                                                     {"log-level", "error"},
                                                     {"pid-file", "/run/a \"quoted\\ one\""},
                                                     {"background", "true"}};
  for (const OptionRow& row : option_rows()) {
    SCOPED_TRACE(row.name);
    ASSERT_TRUE(others.contains(std::string(row.name))) << "add a value for the new option here";
    const std::string value = others.at(std::string(row.name));
    const std::string flag = "--" + std::string(row.name);
    // Those of TCP need each other.
    std::map<std::string, std::string> companions;
    if (row.name == "tcp") companions["--tcp-token-file"] = "/t";
    if (row.name.starts_with("tcp-")) companions["--tcp"] = "127.0.0.1:7";
    std::vector<std::string> arguments{flag};
    if (row.is_list) {
      arguments = {flag, "unix:/a b?mode=0640", flag, "/c"};
    } else if (!row.value_name.empty()) {
      arguments.push_back(value);
    }
    std::vector<std::string> more;
    for (const auto& [name, text] : companions)
      more.insert(more.end(), {name, text});
    arguments.insert(arguments.end(), more.begin(), more.end());
    const Options by_flag = options(arguments);
    const std::string shown = row.show(by_flag);
    EXPECT_NE(shown, row.show(options({})));
    Options again = default_options(machine_);
    EXPECT_TRUE(row.set(again, shown));
    EXPECT_EQ(row.show(again), shown);

    environment_ = {{environment_name(row), value}};
    EXPECT_EQ(row.show(options(more)), shown);
    environment_.clear();

    const std::string file = write_config(config_as_toml(by_flag));
    EXPECT_EQ(row.show(options({"--config", file})), shown);
  }
}

TEST_F(OptionsTest, ValuesAreCompressedAboveASizeWithinItsLimits) {
  EXPECT_EQ(options({}).compress_above, storage::kCompressNever);
  EXPECT_EQ(options({"--compress-above", "64B"}).compress_above, storage::kCompressAboveMin);
  EXPECT_EQ(options({"--compress-above", "512MiB"}).compress_above, kValueBytesMaxCeiling);
  for (const char* word : {"never", "none"})
    EXPECT_EQ(options({"--compress-above", word}).compress_above, storage::kCompressNever);
  for (const char* size : {"63B", "536870913B", "0", "always"}) {
    EXPECT_EQ(refusal({"--compress-above", size}),
              "--compress-above: expected a size from 64B to 512MiB, in B, KiB, MiB, GiB or TiB, "
              "such as 64MiB; or never, not \"" +
                  std::string(size) + '"');
  }
}

TEST_F(OptionsTest, PlacesToListenAddUp) {
  EXPECT_EQ(options({"--listen", "/a"}).socket, "");
  EXPECT_EQ(options({"--listen", "/a", "--socket", "/b"}).socket, "/b");
  EXPECT_EQ(options({"--tcp", "127.0.0.1:7", "--tcp-insecure"}).socket, "/run/test/appmem.sock");
  EXPECT_EQ(options({"--socket", "", "--tcp", "127.0.0.1:7", "--tcp-insecure"}).socket, "");
  EXPECT_THAT(refusal({"--socket", ""}), HasSubstr("there is nowhere to listen"));
}

TEST_F(OptionsTest, AnEmptyPlaceToListenIsRefusedWhereverItIsGiven) {
  const std::string expected = ": expected ADDRESS, not \"\"; leave the option out for its default";
  EXPECT_EQ(refusal({"--listen", ""}), "--listen" + expected);
  EXPECT_EQ(refusal({"--listen", "/a", "--listen", ""}), "--listen" + expected);
  for (const char* text : {"listen = \"\"", "listen = [\"/a\", \"\"]"})
    EXPECT_THAT(refusal({"--config", write_config(text)}), HasSubstr("listen" + expected));
  EXPECT_EQ(options({"--config", write_config("listen = []")}).socket, "/run/test/appmem.sock");
  environment_["APPMEM_LISTEN"] = "";
  EXPECT_EQ(refusal({}), "APPMEM_LISTEN" + expected);
  environment_["APPMEM_LISTEN"] = " ";
  EXPECT_THAT(refusal({}), StartsWith("APPMEM_LISTEN: expected ADDRESS"));
}

TEST_F(OptionsTest, AListInTheFileIsAnArray) {
  const std::string file = write_config("listen = [\"/a b\", \"unix:/c?mode=0660\"]");
  const Options result = options({"--config", file});
  ASSERT_EQ(result.listen.size(), 2U);
  EXPECT_EQ(result.listen[0].socket, "/a b");
  EXPECT_EQ(result.listen[1].mode, 0660U);
  EXPECT_EQ(options({"--config", file, "--listen", "/x"}).listen.size(), 1U);
  EXPECT_EQ(options({"--config", write_config("listen = \"/a /b\"")}).listen.size(), 2U);
  EXPECT_THAT(refusal({"--config", write_config("listen = [1]")}),
              HasSubstr("c.toml:1:10: listen: expected an array of strings"));
  EXPECT_THAT(refusal({"--config", write_config("socket = [\"/a\"]")}),
              HasSubstr("socket: expected a string, number or boolean"));
}

TEST_F(OptionsTest, TcpSaysWhoMayConnect) {
  EXPECT_THAT(refusal({"--tcp", "127.0.0.1:7"}), HasSubstr("tcp needs tcp-token-file"));
  EXPECT_THAT(refusal({"--tcp-insecure"}), HasSubstr("tcp-insecure is of no use without tcp"));
  EXPECT_THAT(refusal({"--tcp-token-file", "/t"}), HasSubstr("is of no use without tcp"));
  EXPECT_THAT(refusal({"--tcp", "127.0.0.1:7", "--tcp-token-file", "/t", "--tcp-insecure"}),
              HasSubstr("exclude each other"));
  EXPECT_THAT(refusal({"--tcp", "example.org:7", "--tcp-insecure"}), StartsWith("--tcp: expected"));
}

TEST_F(OptionsTest, ASwitchCanBeTurnedOff) {
  environment_["APPMEM_BACKGROUND"] = "true";
  EXPECT_TRUE(options({}).background);
  EXPECT_FALSE(options({"--background=false"}).background);
}

TEST_F(OptionsTest, EverySwitchTakesTheSameWordsInAllThreeSources) {
  const std::pair<const char*, const char*> words[] = {
      {"true", "true"},   {"1", "true"},  {"yes", "true"}, {"on", "true"},
      {"false", "false"}, {"0", "false"}, {"no", "false"}, {"off", "false"}};
  for (const OptionRow& row : option_rows()) {
    if (!row.value_name.empty()) continue;
    SCOPED_TRACE(row.name);
    const std::string flag = "--" + std::string(row.name);
    const std::vector<std::string> more = row.name == "tcp-insecure"
                                              ? std::vector<std::string>{"--tcp", "127.0.0.1:7"}
                                              : std::vector<std::string>();
    for (const auto& [word, meaning] : words) {
      SCOPED_TRACE(word);
      const auto shown = [&, meaning = std::string(meaning)](std::vector<std::string> arguments) {
        arguments.insert(arguments.end(), more.begin(), more.end());
        const auto line = parse(arguments);
        if (line) return row.show(line->options);
        // Without either of the two that say who may connect over TCP.
        return line.error().message.find("tcp needs") != std::string::npos ? std::string("false")
                                                                           : line.error().message;
      };
      EXPECT_EQ(shown({flag + "=" + word}), meaning);
      environment_ = {{environment_name(row), word}};
      EXPECT_EQ(shown({}), meaning);
      environment_.clear();
      EXPECT_EQ(shown({"--config",
                       write_config(std::string(row.name) + " = \"" + std::string(word) + '"')}),
                meaning);
    }
    EXPECT_EQ(refusal({flag + "=maybe"}), flag + ": expected true or false, not \"maybe\"");
    environment_ = {{environment_name(row), "maybe"}};
    EXPECT_EQ(refusal({}), environment_name(row) + ": expected true or false, not \"maybe\"");
    environment_.clear();
  }
}

TEST_F(OptionsTest, ABadValueNamesItsOptionAndItsSource) {
  EXPECT_EQ(refusal({"--threads", "0"}),
            "--threads: expected a whole number from 1 to 256, not \"0\"");
  EXPECT_EQ(refusal({"--threads", "257"}),
            "--threads: expected a whole number from 1 to 256, not \"257\"");
  environment_["APPMEM_MAX_MEMORY"] = "much";
  EXPECT_THAT(refusal({}), StartsWith("APPMEM_MAX_MEMORY: expected a size from 512KiB"));
  environment_.clear();
  const std::string file = write_config("threads = 2\nidle-timeout = 30\n");
  EXPECT_EQ(refusal({"--config", file}),
            file +
                ":2:16: idle-timeout: expected a duration with its unit, such as 30s or 500ms, "
                "or 0, not \"30\"");
}

TEST_F(OptionsTest, EveryLimitIsAcceptedAtItsBoundAndRefusedBeyond) {
  const struct {
    const char* flag;
    const char* least;
    const char* below;
    const char* most;
    const char* above;
  } bounds[] = {
      {"--socket-mode", "0200", "0", "0777", "1000"},
      {"--threads", "1", "0", "256", "257"},
      {"--max-memory", "512KiB", "511KiB", "1024TiB", "1025TiB"},
      {"--max-value-bytes", "1", "0", "512MiB", "513MiB"},
      {"--max-request-bytes", "64KiB", "63KiB", "1GiB", "1025MiB"},
      {"--max-connections", "1", "0", "1000000", "1000001"},
      {"--max-output-stalled", "1MiB", "1023KiB", "256MiB", "1025MiB"},
      {"--max-output", "32MiB", "1023KiB", "4GiB", "5GiB"},
      {"--output-stall-timeout", "1ms", "0", "365d", "366d"},
      {"--shutdown-timeout", "1ms", "0", "365d", "366d"},
      {"--request-timeout", "0", "-1s", "365d", "366d"},
      {"--idle-timeout", "0", "-1s", "365d", "366d"},
  };
  for (const auto& bound : bounds) {
    SCOPED_TRACE(bound.flag);
    const std::string flag = std::string(bound.flag) + "=";
    EXPECT_TRUE(parse({flag + bound.least}));
    EXPECT_TRUE(parse({flag + bound.most}));
    EXPECT_THAT(refusal({flag + bound.below}), StartsWith(std::string(bound.flag) + ": expected"));
    EXPECT_THAT(refusal({flag + bound.above}), StartsWith(std::string(bound.flag) + ": expected"));
  }
  EXPECT_EQ(refusal({"--socket", "tcp://127.0.0.1:1"}),
            "--socket: expected unix:PATH or a path with a slash (tcp: is not known here), not "
            "\"tcp://127.0.0.1:1\"");
  EXPECT_THAT(refusal({"--socket", "app.sock"}), HasSubstr("such as ./app.sock"));
  environment_["APPMEM_SOCKET"] = "embedded:";
  EXPECT_THAT(refusal({}), HasSubstr("APPMEM_SOCKET: expected unix:PATH"));
  environment_.clear();
  EXPECT_TRUE(parse({"--socket", "/" + std::string(kSocketPathBytesMax - 1, 's')}));
  EXPECT_THAT(
      refusal({"--socket", "/" + std::string(kSocketPathBytesMax, 's')}),
      HasSubstr("at most 107 bytes, the kernel's limit for socket paths; this one has 108"));
}

TEST_F(OptionsTest, PermissionsInTheFileAreOctalInTheirTwoForms) {
  const auto mode = [&](const std::string& value) {
    return options({"--config", write_config("socket-mode = " + value)}).socket_mode;
  };
  EXPECT_EQ(mode("0o600"), 0600U);
  EXPECT_EQ(mode("0o640"), 0640U);  // 416, whose digits are octal ones as well
  EXPECT_EQ(mode("\"0600\""), 0600U);
  EXPECT_EQ(mode("\"666\""), 0666U);
  const auto complaint = [&](const std::string& value) {
    const std::string file = write_config("threads = 1\n  socket-mode = " + value);
    std::string message = refusal({"--config", file});
    EXPECT_THAT(message, StartsWith(file + ":2:17: socket-mode: expected "));
    return message;
  };
  EXPECT_THAT(complaint("600"), testing::EndsWith("write 0o600 or \"0600\""));
  EXPECT_THAT(complaint("660"), testing::EndsWith("write 0o660 or \"0660\""));
  for (const char* const odd : {"0x180", "0b110", "980", "-600"})
    EXPECT_THAT(complaint(odd), testing::EndsWith("write 0o600 or \"0600\""));
  EXPECT_THAT(complaint("0o1000"), HasSubstr("permissions in octal digits"));
  EXPECT_THAT(complaint("true"), HasSubstr("permissions in octal digits"));
  EXPECT_THAT(complaint("0o0"), HasSubstr("without which nobody can connect"));
}

TEST_F(OptionsTest, AnUnknownKeyIsNamedWithItsPlaceAndWhatWasMeant) {
  std::string file = write_config("\n  max_memory = \"1GiB\"\n");
  EXPECT_EQ(refusal({"--config", file}),
            file + ":2:3: unknown option \"max_memory\"; did you mean max-memory?");
  file = write_config("bananas = 3");
  EXPECT_EQ(refusal({"--config", file}),
            file + ":1:1: unknown option \"bananas\"; `appmemd --print-config` lists all");
}

TEST_F(OptionsTest, AFileThatIsNoConfigurationSaysWhere) {
  EXPECT_THAT(refusal({"--config", write_config("threads = \n")}), HasSubstr("c.toml:1:"));
  EXPECT_THAT(refusal({"--config", write_config("[threads]\nx = 1\n")}),
              HasSubstr("threads: expected a string, number or boolean"));
  EXPECT_THAT(refusal({"--config", write_config("threads = 1\nthreads = 2\n")}),
              HasSubstr("c.toml:2:"));
  EXPECT_THAT(refusal({"--config", directory_.file("missing.toml")}),
              HasSubstr("cannot read " + directory_.file("missing.toml")));
  EXPECT_THAT(refusal({"--config", directory_.path().string()}), HasSubstr("Is a directory"));
  EXPECT_EQ(refusal({"--config", write_config(std::string(1_MiB, '#'))}), "accepted");
  EXPECT_THAT(refusal({"--config", write_config(std::string(1_MiB + 1, '#'))}),
              HasSubstr("larger than 1 MiB"));
}

TEST_F(OptionsTest, UsageErrorsPointToTheHelp) {
  for (const char* argument : {"--unknown", "word", "--threads"}) {
    EXPECT_THAT(refusal({argument}), HasSubstr("`appmemd --help` lists the options"));
  }
}

TEST_F(OptionsTest, UsageErrorsSayWhatIsWrong) {
  EXPECT_THAT(refusal({"--threads"}), StartsWith("--threads needs a value: write --threads N; "));
  EXPECT_THAT(refusal({"--threads", "--print-config"}),
              StartsWith("--threads needs a value: write --threads N; "));
  EXPECT_THAT(refusal({"--pid-file", "--background"}), StartsWith("--pid-file needs a value: "));
  EXPECT_THAT(refusal({"--config", "--tcp-insecure"}), StartsWith("--config needs a value: "));
  EXPECT_EQ(options({"--pid-file", "--odd"}).pid_file, "--odd");
  EXPECT_THAT(refusal({"--thread", "3"}),
              StartsWith("unknown option --thread: did you mean --threads?; "));
  EXPECT_THAT(refusal({"--bananas"}), StartsWith("unknown option --bananas; "));
  EXPECT_THAT(refusal({"-x"}), StartsWith("unknown option -x"));
  EXPECT_THAT(refusal({"word"}), StartsWith("\"word\" is no option, and nothing else is taken; "));
  for (const char* const flag : {"--config", "--listen", "--pid-file", "--socket"})
    EXPECT_THAT(refusal({flag}), StartsWith(std::string(flag) + " needs a value: write "));
  const std::string other = directory_.file("other.toml");
  std::ofstream(other) << "threads = 5";
  EXPECT_EQ(options({"--config", "/nowhere", "--config", other}).threads, 5U);
}

TEST(MisspeltVariables, AreToldWhatTheyMayHaveMeant) {
  const auto complaints = [](const std::vector<std::string>& names) {
    return misspelt_variables(names);
  };
  EXPECT_EQ(complaints({"APPMEM_MAX_MEMRY", "HOME"}),
            std::vector<std::string>{"APPMEM_MAX_MEMRY is no option of appmemd: did you mean "
                                     "APPMEM_MAX_MEMORY?"});
  EXPECT_EQ(complaints({"APPMEM_THREAD", "APPMEM_LOG_LEVELS"}).size(), 2U);
  // Options, what appmemctl reads, and what is like nothing.
  for (const OptionRow& row : option_rows())
    EXPECT_TRUE(complaints({environment_name(row)}).empty()) << row.name;
  EXPECT_TRUE(
      complaints({"APPMEM_CONFIG", "APPMEM_TOKEN_FILE", "APPMEM_BANANAS", "APPMEM_"}).empty());
}

TEST_F(OptionsTest, HelpFitsATerminal) {
  const auto help = parse({"--help"});
  ASSERT_TRUE(help);
  std::istringstream lines(help->text);
  for (std::string line; std::getline(lines, line);)
    EXPECT_LE(line.size(), 100U) << line;
}

TEST_F(OptionsTest, AGroupOpensTheSocketToItUnlessAModeIsGiven) {
  EXPECT_EQ(options({"--socket-group", "staff"}).socket_mode, 0660U);
  EXPECT_EQ(options({"--socket-group", "staff", "--socket-mode", "0600"}).socket_mode, 0600U);
  EXPECT_EQ(options({"--socket-mode", "666"}).socket_mode, 0666U);
}

TEST_F(OptionsTest, AnAddressIsAPathToo) {
  environment_["APPMEM_SOCKET"] = "unix:/run/x";
  EXPECT_EQ(options({}).socket, "/run/x");
}

TEST_F(OptionsTest, LimitsThatContradictEachOtherAreRefused) {
  EXPECT_THAT(refusal({"--max-output-stalled", "64MiB", "--max-output", "63MiB"}),
              HasSubstr("max-output (63MiB) is less than max-output-stalled (64MiB)"));
}

TEST_F(OptionsTest, HelpAndVersionArePrinted) {
  const auto help = parse({"--help"});
  ASSERT_TRUE(help);
  EXPECT_EQ(help->action, CommandLine::Action::kPrintText);
  for (const OptionRow& row : option_rows()) {
    EXPECT_THAT(help->text, HasSubstr("--" + std::string(row.name)));
  }
  EXPECT_THAT(help->text, HasSubstr("Examples:"));
  const auto version = parse({"--version"});
  ASSERT_TRUE(version);
  EXPECT_EQ(version->text, "appmemd " APPMEM_VERSION "\n");
}

}  // namespace
}  // namespace appmem::daemon::test
