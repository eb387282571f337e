#include <fstream>
#include <sstream>

#include <sys/stat.h>

#include "ctl_fixture.h"
#include "terminal.h"

namespace appmem::test {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

constexpr const char* kTyped[] = {"SET name Shanil", "GET name", "EXISTS name", "LIST",
                                  "DEL name",        "GET name", "EXIT"};

/// As a terminal shows it.
constexpr const char* kDialogue =
    "appmem CLI\n"
    "Type HELP for commands\n"
    "> SET name Shanil\n"
    "OK\n"
    "> GET name\n"
    "Shanil\n"
    "> EXISTS name\n"
    "true\n"
    "> LIST\n"
    "name = Shanil\n"
    "> DEL name\n"
    "deleted\n"
    "> GET name\n"
    "(nil)\n"
    "> EXIT\n"
    "bye\n";

/// As it comes out of a pipe, where what is typed is not echoed.
constexpr const char* kPipedDialogue =
    "appmem CLI\n"
    "Type HELP for commands\n"
    "> OK\n"
    "> Shanil\n"
    "> true\n"
    "> name = Shanil\n"
    "> deleted\n"
    "> (nil)\n"
    "> bye\n";

std::string typed_lines() {
  std::string lines;
  for (const char* line : kTyped)
    lines += std::string(line) + "\n";
  return lines;
}

/// The shell on a terminal, with a history of its own.
class ShellTerminal {
 public:
  explicit ShellTerminal(const std::vector<std::string>& options, const std::string& socket = "",
                         const std::string& term = "xterm")
      : terminal_(command(options), {{"TERM", term},
                                     {"HOME", directory().path()},
                                     {"XDG_STATE_HOME", directory().file("state")},
                                     {"APPMEM_SOCKET", socket}}) {
    terminal_.expect("\n> ");
  }
  Terminal* operator->() { return &terminal_; }
  static TemporaryDirectory& directory() {
    static TemporaryDirectory directory;
    return directory;
  }
  static std::string history() { return directory().file("state/appmem/history"); }

 private:
  static std::vector<std::string> command(const std::vector<std::string>& options) {
    std::vector<std::string> words = {binary_dir() / "appmemctl"};
    words.insert(words.end(), options.begin(), options.end());
    return words;
  }
  Terminal terminal_;
};

void play_dialogue(ShellTerminal& shell) {
  for (std::size_t i = 0; i + 1 < std::size(kTyped); ++i) {
    shell->type(std::string(kTyped[i]) + "\n");
    shell->expect("\n> ");
  }
  shell->type("EXIT\n");
  EXPECT_EQ(shell->wait(), 0);
  EXPECT_EQ(shell->screen(), kDialogue);
}

using ReplTest = CtlTest;

TEST_F(ReplTest, TheDialogueThroughAPipeWithADaemon) {
  EXPECT_THAT(ctl({"repl"}, typed_lines()), Prints(kPipedDialogue));
}

TEST_F(ReplTest, TheDialogueOnATerminalWithADaemon) {
  ShellTerminal shell({"repl"}, daemon_.socket());
  play_dialogue(shell);
}

TEST_F(ReplTest, AppmemctlAloneOnATerminalIsTheShell) {
  ShellTerminal shell({}, daemon_.socket());
  play_dialogue(shell);
}

TEST_F(ReplTest, SharesTheDaemonsMemory) {
  EXPECT_THAT(ctl({"set", "deploys", "41"}), Prints("OK\n"));
  EXPECT_THAT(ctl({"repl"}, "INCR deploys\n").output, HasSubstr("> 42\n"));
  EXPECT_THAT(ctl({"get", "deploys"}), Prints("42"));
}

TEST_F(ReplTest, GoesOnWithADaemonThatWasRestarted) {
  const TemporaryDirectory directory;
  ProcessOptions start;
  start.arguments = {binary_dir() / "appmemctl", "repl"};
  start.environment["APPMEM_SOCKET"] = daemon_.socket();
  start.input = "SET a 1\n";
  start.keep_input_open = true;
  Process shell(start);
  ASSERT_TRUE(shell.wait_for_output_text("> OK\n> "));
  daemon_.stop();
  shell.write("GET a\n");
  ASSERT_TRUE(shell.wait_for_output_text("error: no appmemd at " + daemon_.socket()));
  const Daemon again({}, {}, daemon_.socket());
  shell.write("GET a\n");
  ASSERT_TRUE(shell.wait_for_output_text("(nil)\n> "));
  EXPECT_EQ(shell.wait(), 0);
}

class EmbeddedReplTest : public testing::Test {
 protected:
  /// What a piped, embedded session prints behind the greeting.
  static std::string session(const std::string& input) {
    const Ran ran = appmemctl("/nowhere", {"repl", "--embedded"}, input);
    EXPECT_EQ(ran.exit_code, 0);
    EXPECT_EQ(ran.errors, "");
    const std::string greeting = "appmem CLI\nType HELP for commands\n";
    EXPECT_THAT(ran.output, StartsWith(greeting));
    return ran.output.substr(greeting.size());
  }
};

TEST_F(EmbeddedReplTest, TheDialogueThroughAPipe) {
  EXPECT_THAT(appmemctl("/nowhere", {"repl", "--embedded"}, typed_lines()), Prints(kPipedDialogue));
  EXPECT_THAT(appmemctl("/nowhere", {"-a", "embedded:", "repl"}, typed_lines()),
              Prints(kPipedDialogue));
}

TEST_F(EmbeddedReplTest, TheDialogueOnATerminal) {
  for (const char* term : {"xterm", "dumb"}) {
    ShellTerminal shell({"repl", "--embedded"}, "", term);
    play_dialogue(shell);
  }
}

TEST_F(EmbeddedReplTest, EndOfInputSaysBye) {
  EXPECT_EQ(session(""), "> bye\n");
  EXPECT_EQ(session("SET a 1"), "> OK\n> bye\n");
  EXPECT_EQ(session("quit\nSET a 1\n"), "> bye\n");
  ShellTerminal shell({"repl", "--embedded"});
  shell->type("\x04");
  EXPECT_EQ(shell->wait(), 0);
  // Behind the prompt and what the terminal shows of Ctrl-D: a line of its own.
  EXPECT_THAT(shell->screen(), testing::EndsWith("\nbye\n"));
}

TEST_F(EmbeddedReplTest, WordsInAnyCaseAndLinesWithSpaces) {
  EXPECT_EQ(session("set Name Ada\n  GeT   Name  \n\n \t\nget name\r\n"),
            "> OK\n> Ada\n> > > (nil)\n> bye\n");
}

TEST_F(EmbeddedReplTest, TheValueOfSetIsTheRestOfTheLine) {
  EXPECT_EQ(session("SET a two  words\nGET a\nSET a \"two  words \"\nGET a\nSET a 'x'\nGET a\n"
                    "SET a \"x\" y\nGET a\nSET a \"q\\\"\\n\\x41\"\nGET a\nSET a \"\"\nGET a\n"
                    "SET a {\"k\": [1]}\nGET a\nSET \"a b\" c\nGET \"a b\"\nSET a don't\nGET a\n"),
            "> OK\n> two  words\n> OK\n> two  words \n> OK\n> x\n> OK\n> \"x\" y\n> OK\n> q\"\nA\n"
            "> OK\n> \n> OK\n> {\"k\": [1]}\n> OK\n> c\n> OK\n> don't\n> bye\n");
}

TEST_F(EmbeddedReplTest, ListIsSorted) {
  EXPECT_EQ(session("LIST\nSET b 2\nSET a 1\nSET c 3\nLIST\nLIST b\n"),
            "> (empty)\n> OK\n> OK\n> OK\n> a = 1\nb = 2\nc = 3\n> b = 2\n> bye\n");
}

TEST_F(EmbeddedReplTest, CountersAndTimes) {
  EXPECT_EQ(session("INCR n\nINCR n 41\nDECR n\nDECR n 1\nAPPEND s ab\nTTL n\nEXPIRE n 60\nTTL n\n"
                    "PERSIST n\nTTL n\nSETEX e 100 a b\nTTL e\nGET e\nSETEX e 5m x\nTTL e\n"
                    "TTL none\nEXPIRE none 5\nCOUNT\nCOUNT s\nPING\n"),
            "> 1\n> 42\n> 41\n> 40\n> 2\n> never\n> OK\n> 60\n> OK\n> never\n> OK\n> 100\n> a b\n"
            "> OK\n> 300\n> (nil)\n> (nil)\n> 3\n> 1\n> PONG\n> bye\n");
}

TEST_F(EmbeddedReplTest, DeletesSeveral) {
  EXPECT_EQ(session("SET a 1\nSET b 2\nDEL a b c\nDEL a\nEXISTS a\n"),
            "> OK\n> OK\n> deleted 2\n> (nil)\n> false\n> bye\n");
}

TEST_F(EmbeddedReplTest, ExistsSaysOfOneKeyWhetherAndOfSeveralHowMany) {
  EXPECT_EQ(session("SET a 1\nSET b 2\nEXISTS a\nEXISTS c\nEXISTS a b c\nEXISTS c d\nEXISTS a a\n"
                    "EXISTS \"a\" \"b\nHELP exists\n"),
            "> OK\n> OK\n> true\n> false\n> 2\n> 0\n> 1\n> usage: EXISTS key [key...]\n"
            "> usage: EXISTS key [key...]\nwhether there is such a key; of several, how many\n"
            "> bye\n");
}

TEST_F(EmbeddedReplTest, AWrongLinePrintsTheUsageAndGoesOn) {
  EXPECT_EQ(
      session("SET\nSET a\nGET\nGET a b\nDEL\nEXISTS\nSETEX a x y\nSETEX a 0 y\nSETEX a 5\n"
              "INCR n x\nTTL\nEXPIRE a\nEXPIRE a -1\nLIST a b\nUSE\nCLEAR x\nGET \"a\nPING x\n"
              "SET a 1\n"),
      "> usage: SET key value\n> usage: SET key value\n> usage: GET key\n> usage: GET key\n"
      "> usage: DEL key [key...]\n> usage: EXISTS key [key...]\n> usage: SETEX key seconds value\n"
      "> usage: SETEX key seconds value\n> usage: SETEX key seconds value\n"
      "> usage: INCR key [by]\n> usage: TTL key\n> usage: EXPIRE key seconds\n"
      "> usage: EXPIRE key seconds\n> usage: LIST [prefix]\n> usage: USE namespace\n"
      "> usage: CLEAR\n> usage: GET key\n> usage: PING\n> OK\n> bye\n");
  EXPECT_EQ(session("frob x\n"), "> error: unknown command FROB, type HELP for commands\n> bye\n");
}

TEST_F(EmbeddedReplTest, ErrorsOfTheStoreGoOn) {
  const std::string shown = session("SET a text\nINCR a\nUSE none\nGET a\n");
  EXPECT_THAT(shown, StartsWith("> OK\n> error: "));
  EXPECT_THAT(shown, testing::EndsWith("> text\n> bye\n"));
}

TEST_F(EmbeddedReplTest, ClearEmptiesTheNamespace) {
  EXPECT_EQ(session("SET a 1\nCLEAR\nGET a\n"), "> OK\n> OK\n> (nil)\n> bye\n");
}

TEST_F(EmbeddedReplTest, StatsOfServerAndKey) {
  const std::string shown = session("SET a 1\nSTATS a\nSTATS none\nSTATS\n");
  EXPECT_THAT(shown, StartsWith("> OK\n> found: true\ntype: bytes\nlength: 1\n"));
  EXPECT_THAT(shown, HasSubstr("\n> (nil)\n> uptime_ms: "));
}

TEST_F(EmbeddedReplTest, HelpListsEveryCommand) {
  const std::string shown = session("HELP\n");
  for (const char* word : {"SET", "GET", "DEL", "EXISTS", "LIST", "SETEX", "INCR", "DECR", "TTL",
                           "EXPIRE", "STATS", "USE", "CLEAR", "HELP", "EXIT", "QUIT"}) {
    EXPECT_THAT(shown, HasSubstr(word));
  }
}

TEST_F(ReplTest, UseGoesToANamespaceAndShowsIt) {
  EXPECT_THAT(ctl({"ns", "create", "s"}), Prints("OK\n"));
  EXPECT_THAT(ctl({"repl"}, "SET a 1\nUSE s\nGET a\nSET a 2\nCLEAR\nUSE default\nGET a\n"),
              Prints("appmem CLI\nType HELP for commands\n> OK\n> OK\ns> (nil)\ns> OK\ns> OK\n"
                     "s> OK\n> 1\n> bye\n"));
  EXPECT_THAT(ctl({"repl", "-n", "s"}, "EXIT\n"),
              Prints("appmem CLI\nType HELP for commands\ns> bye\n"));
}

TEST_F(EmbeddedReplTest, TheHistoryIsKeptAndPrivate) {
  {
    ShellTerminal shell({"repl", "--embedded"});
    shell->type("SET remembered 1\n");
    shell->expect("OK\n> ");
    shell->type("EXIT\n");
    EXPECT_EQ(shell->wait(), 0);
  }
  struct stat status {};
  ASSERT_EQ(::stat(ShellTerminal::history().c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0600U);
  ShellTerminal shell({"repl", "--embedded"});
  shell->type("\x10\x10\n");  // Ctrl-P twice: past EXIT
  shell->expect("SET remembered 1\nOK\n> ");
  shell->type("EXIT\n");
  EXPECT_EQ(shell->wait(), 0);
}

TEST_F(EmbeddedReplTest, TabCompletesCommands) {
  ShellTerminal shell({"repl", "--embedded"});
  shell->type("exis\tname\n");
  shell->expect("exists name\nfalse\n> ");
  shell->type("SETE\ta 5 b\n");
  shell->expect("SETEX a 5 b\nOK\n> ");
  shell->type("EX\t");
  shell->expect("EXISTS  EXIT  EXPIRE");
  shell->type("IT\n");
  EXPECT_EQ(shell->wait(), 0);
}

TEST_F(EmbeddedReplTest, TabCompletesKeysWhereACommandTakesOne) {
  ShellTerminal shell({"repl", "--embedded"});
  shell->type("SET user:é:1 a\nSET user:è:2 b\nSET 'with blank' c\nSET value d\n");
  shell->expect("OK\n> ");
  shell->expect("OK\n> ");
  shell->expect("OK\n> ");
  shell->expect("OK\n> ");
  shell->type("GET va\t\n");
  shell->expect("GET value \nd\n> ");
  shell->type("get u\té\t\n");
  shell->expect("get user:é:1 \na\n> ");
  shell->type("DEL value user:\t");
  shell->expect("user:è:2  user:é:1");
  shell->type("è\t\n");
  shell->expect("deleted 2\n> ");
  shell->type("SET user:é:1 us\t\n");  // a value, which is no key
  shell->expect("OK\n> ");
  shell->type("GET user:é:1\n");
  shell->expect("\nus\n> ");
  shell->type("GET with\t\n");  // would need quotes
  shell->expect("GET with\n(nil)\n> ");
  shell->type("help sete\t\n");
  shell->expect("usage: SETEX key seconds value\n");
  shell->type("EXIT\n");
  EXPECT_EQ(shell->wait(), 0);
}

TEST_F(EmbeddedReplTest, HelpOfACommandIsItsUsage) {
  EXPECT_EQ(session("HELP set\nhelp QUIT\nHELP frob\n"),
            "> usage: SET key value\nstore a value: the rest of the line, quotes optional\n"
            "> usage: QUIT\nleave\n> error: unknown command FROB, type HELP for commands\n> bye\n");
}

TEST_F(EmbeddedReplTest, TypesTextInAnyScript) {
  ShellTerminal shell({"repl", "--embedded"});
  shell->type("SET cake é🎂\n");
  shell->expect("OK\n> ");
  shell->type("GET cake\n");
  shell->expect("\né🎂\n> ");
  shell->type("EXIT\n");
  EXPECT_EQ(shell->wait(), 0);
}

TEST_F(EmbeddedReplTest, CtrlCGivesUpALineAndNotTheShell) {
  ShellTerminal shell({"repl", "--embedded"});
  shell->type("SET half");
  shell->expect("SET half");
  shell->type("\x03");
  shell->expect("^C\n> ");
  shell->type("GET half\n");
  shell->expect("GET half\n(nil)\n> ");
  shell->type("EXIT\n");
  EXPECT_EQ(shell->wait(), 0);
}

TEST_F(EmbeddedReplTest, ValuesCannotTakeTheTerminalOver) {
  ShellTerminal shell({"repl", "--embedded"});
  shell->type("SET evil \"\\x1b]0;title\\x07\"\n");
  shell->expect("OK\n> ");
  shell->type("GET evil\n");
  shell->expect("\\x1b]0;title\\x07\n> ");
  shell->type("EXIT\n");
  EXPECT_EQ(shell->wait(), 0);
}

TEST_F(ReplTest, GetOnATerminalEndsWithALine) {
  EXPECT_THAT(ctl({"set", "k", "v"}), Prints("OK\n"));
  Terminal get({binary_dir() / "appmemctl", "get", "k"}, {{"APPMEM_SOCKET", daemon_.socket()}});
  EXPECT_EQ(get.wait(), 0);
  EXPECT_EQ(get.screen(), "v\n");
  Terminal raw({binary_dir() / "appmemctl", "get", "k", "--raw"},
               {{"APPMEM_SOCKET", daemon_.socket()}});
  EXPECT_EQ(raw.wait(), 0);
  EXPECT_EQ(raw.screen(), "v");
  Terminal none({binary_dir() / "appmemctl", "get", "none"}, {{"APPMEM_SOCKET", daemon_.socket()}});
  EXPECT_EQ(none.wait(), 1);
  EXPECT_EQ(none.screen(), "(nil)\n");
}

}  // namespace
}  // namespace appmem::test
