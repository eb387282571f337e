#include <atomic>
#include <latch>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include "appmem/client/client.h"
#include "fake_daemon.h"
#include "in_threads.h"
#include "support/temporary_directory.h"

namespace appmem::client {
namespace {

using std::chrono::milliseconds;
using testing::HasSubstr;

constexpr std::string_view kOk = "{\"ok\":true}\n";
constexpr milliseconds kPatience{60'000};
/// For what is expected to run out.
constexpr milliseconds kImpatience{20};

constexpr std::size_t kLargeBytes = 20'000'000;

/// Answers everything with {"ok":true}.
void serve_ok(FakeConnection& connection) {
  for (std::string line; connection.read_line(line);) {
    if (!connection.write(kOk)) return;
  }
}

class RemoteTest : public testing::Test {
 protected:
  [[nodiscard]] std::string path() const { return directory_.file("s"); }

  [[nodiscard]] ClientOptions options() const {
    ClientOptions options;
    options.addresses = {"unix:" + path()};
    options.timeout = kPatience;
    return options;
  }
  [[nodiscard]] Client open() const { return Client::open(options()).value(); }

  test::TemporaryDirectory directory_;
};

TEST_F(RemoteTest, HandsAnswersBackAsTheyCame) {
  FakeDaemon daemon(path(), [](FakeConnection& connection) {
    for (std::string line; connection.read_line(line);)
      connection.write(line + " answered\r\n");
  });
  Client client = open();
  EXPECT_EQ(client.address(), "unix:" + path());
  EXPECT_EQ(client.call(R"({"op":"ping"})"), R"({"op":"ping"} answered)");
}

TEST_F(RemoteTest, AnswersMayComeByteByByte) {
  FakeDaemon daemon(path(), [](FakeConnection& connection) {
    for (std::string line; connection.read_line(line);) {
      for (const char c : kOk)
        connection.write({&c, 1});
    }
  });
  Client client = open();
  const std::vector<std::string> requests(3, R"({"op":"ping"})");
  EXPECT_THAT(client.pipeline(requests).value(), testing::Each("{\"ok\":true}"));
}

TEST_F(RemoteTest, ALargePipelineCannotBlockBothEnds) {
  // The other end reads one request at a time and does not go on before its answer is taken, so
  // that a client which only writes would wait for ever.
  const std::string answer(4096, 'a');
  FakeDaemon daemon(path(), [&](FakeConnection& connection) {
    for (std::string line; connection.read_line(line);) {
      if (!connection.write(answer + '\n')) return;
    }
  });
  Client client = open();
  const std::vector<std::string> requests(5000, "{\"k\":\"" + std::string(4096, 'r') + "\"}");
  const auto answers = client.pipeline(requests);
  ASSERT_TRUE(answers) << answers.error().message;
  EXPECT_EQ(answers->size(), requests.size());
  EXPECT_THAT(*answers, testing::Each(answer));
}

TEST_F(RemoteTest, AnAnswerMayBeLarge) {
  const std::string answer(kLargeBytes, 'x');
  FakeDaemon daemon(path(), [&](FakeConnection& connection) {
    for (std::string line; connection.read_line(line);)
      connection.write(answer + '\n');
  });
  Client client = open();
  EXPECT_EQ(client.call("{}")->size(), answer.size());
  EXPECT_EQ(client.call("{}")->size(), answer.size());
}

TEST_F(RemoteTest, ALateAnswerIsATimeoutAndNeverSomebodyElses) {
  FakeDaemon daemon(path(), [&](FakeConnection& connection) {
    std::string line;
    if (connection.number() == 1) {
      while (connection.read_line(line)) {
      }
      return;
    }
    serve_ok(connection);
  });
  ClientOptions impatient = options();
  impatient.timeout = kImpatience;
  Client client = Client::open(impatient).value();
  const auto late = client.call(R"({"op":"get","key":"a"})");
  ASSERT_FALSE(late);
  EXPECT_EQ(late.error().code, ErrorCode::kTimeout);
  EXPECT_THAT(late.error().message, HasSubstr("20ms"));
  EXPECT_EQ(client.call("{}"), "{\"ok\":true}");
  EXPECT_EQ(daemon.connections(), 2U);
}

TEST_F(RemoteTest, ARequestMayHaveATimeoutOfItsOwn) {
  std::latch asked(1);
  std::latch answers(1);
  FakeDaemon daemon(path(), [&](FakeConnection& connection) {
    std::string line;
    if (connection.number() == 1 && connection.read_line(line)) {
      asked.count_down();
      answers.wait();
      connection.write(kOk);
      serve_ok(connection);
    }
    while (connection.read_line(line)) {
    }
  });
  ClientOptions impatient = options();
  impatient.timeout = kImpatience;
  Client client = Client::open(impatient).value();
  std::thread patient([&] { EXPECT_EQ(client.call("{}", milliseconds(0)), "{\"ok\":true}"); });
  asked.wait();
  // Asked later, and over already.
  EXPECT_EQ(client.call("{}").error().code, ErrorCode::kTimeout);
  answers.count_down();
  patient.join();
  Client other = open();
  const auto late = other.call("{}", kImpatience);
  EXPECT_THAT(late.error().message, HasSubstr("20ms"));
}

TEST_F(RemoteTest, AskedAgainWhereTheCommandAllowsIt) {
  FakeDaemon daemon(path(), [](FakeConnection& connection) {
    std::string line;
    connection.read_line(line);
    if (connection.number() == 1) return;  // received, not answered
    connection.write(kOk);
    serve_ok(connection);
  });
  Client client = open();
  EXPECT_EQ(client.call(R"({"op":"get","key":"a"})"), "{\"ok\":true}");
  EXPECT_EQ(daemon.connections(), 2U);
}

TEST_F(RemoteTest, NotAskedAgainWhereItCouldHappenTwice) {
  std::atomic<int> requests{0};
  FakeDaemon daemon(path(), [&](FakeConnection& connection) {
    for (std::string line; connection.read_line(line);) {
      ++requests;
      return;
    }
  });
  Client client = open();
  const auto answer = client.call(R"({"op":"incr","key":"a"})");
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().code, ErrorCode::kUnavailable);
  EXPECT_THAT(answer.error().message, HasSubstr("may have taken effect"));
  EXPECT_EQ(requests, 1);
}

TEST_F(RemoteTest, AskedAgainOnlySoOften) {
  std::atomic<int> requests{0};
  FakeDaemon daemon(path(), [&](FakeConnection& connection) {
    std::string line;
    if (connection.read_line(line)) ++requests;
  });
  ClientOptions twice = options();
  twice.retries = 2;
  Client client = Client::open(twice).value();
  const auto answer = client.call(R"({"op":"get","key":"a"})");
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().code, ErrorCode::kUnavailable);
  EXPECT_EQ(requests, 3);
}

TEST_F(RemoteTest, AConnectionThatGrewStaleIsReplacedForAnyRequest) {
  FakeDaemon daemon(path(), [&](FakeConnection& connection) {
    if (connection.number() > 1) return serve_ok(connection);
    std::string line;
    connection.read_line(line);
    connection.write(kOk);
  });
  Client client = open();
  EXPECT_EQ(client.call("{}"), "{\"ok\":true}");
  // The first connection is closed now or will be soon: either way `incr` must not be lost, which
  // a client can only promise where the close came first.
  auto answer = client.call(R"({"op":"incr","key":"a"})");
  if (!answer) {
    EXPECT_THAT(answer.error().message, HasSubstr("may have taken effect"));
    answer = client.call(R"({"op":"incr","key":"a"})");
  }
  EXPECT_EQ(answer, "{\"ok\":true}");
}

TEST_F(RemoteTest, ComesBackAfterARestart) {
  auto daemon = std::make_unique<FakeDaemon>(path(), serve_ok);
  Client client = open();
  EXPECT_TRUE(client.call("{}"));
  daemon.reset();
  ::unlink(path().c_str());
  const auto answer = client.call(R"({"op":"get","key":"a"})");
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().code, ErrorCode::kUnavailable);
  daemon = std::make_unique<FakeDaemon>(path(), serve_ok);
  EXPECT_EQ(client.call(R"({"op":"incr","key":"a"})"), "{\"ok\":true}");
}

TEST_F(RemoteTest, ARestartWithAPoolOfConnectionsLosesNoRequest) {
  auto daemon = std::make_unique<FakeDaemon>(path(), serve_ok);
  Client client = open();
  in_threads(8, [&](std::size_t) {
    for (int k = 0; k < 50; ++k)
      EXPECT_TRUE(client.call("{}"));
  });
  daemon.reset();
  daemon = std::make_unique<FakeDaemon>(path(), serve_ok);
  EXPECT_EQ(client.call(R"({"op":"incr","key":"a"})"), "{\"ok\":true}");
}

TEST_F(RemoteTest, APipelineGoesOnBehindTheLastAnswer) {
  // The first connection answers two and closes; the others are asked again on the second.
  FakeDaemon daemon(path(), [](FakeConnection& connection) {
    std::string line;
    for (int i = 0; connection.number() > 1 || i < 2; ++i) {
      if (!connection.read_line(line) || !connection.write(line + "\n")) return;
    }
  });
  Client client = open();
  std::vector<std::string> requests(100);
  for (std::size_t i = 0; i < requests.size(); ++i)
    requests[i] = R"({"op":"get","key":")" + std::to_string(i) + "\"}";
  EXPECT_EQ(client.pipeline(requests), requests);
}

TEST_F(RemoteTest, AnUnexpectedAnswerIsNotTakenForTheNextOnes) {
  FakeDaemon daemon(path(), [](FakeConnection& connection) {
    std::string line;
    while (connection.read_line(line))
      connection.write(connection.number() == 1 ? "{\"ok\":true}\n{\"stray\":1}\n" : kOk);
  });
  Client client = open();
  EXPECT_EQ(client.call("{}"), "{\"ok\":true}");
  EXPECT_EQ(client.call(R"({"op":"get","key":"a"})"), "{\"ok\":true}");
  EXPECT_EQ(client.call("{}"), "{\"ok\":true}");
}

TEST_F(RemoteTest, ADaemonThatIsFullSaysSo) {
  FakeDaemon daemon(path(), [](FakeConnection& connection) {
    connection.write("{\"ok\":false,\"error\":{\"code\":\"busy\",\"message\":\"full\"}}\n");
  });
  Client client = open();
  const auto value = client.get("a");
  ASSERT_FALSE(value);
  EXPECT_EQ(value.error().code, ErrorCode::kBusy);
}

TEST_F(RemoteTest, SaysWhereItLookedAndWhatToDo) {
  const auto client = Client::open(options());
  ASSERT_FALSE(client);
  EXPECT_EQ(client.error().code, ErrorCode::kUnavailable);
  EXPECT_EQ(client.error().message,
            "no appmemd at " + path() + ": start it with appmemd --background --socket " + path());
}

TEST_F(RemoteTest, ASocketThatNobodyServesIsLikeNone) {
  { const FakeDaemon gone(path(), serve_ok); }
  const auto client = Client::open(options());
  ASSERT_FALSE(client);
  EXPECT_THAT(client.error().message, HasSubstr("no appmemd at"));
}

TEST_F(RemoteTest, TheFirstAddressThatAnswersIsUsed) {
  FakeDaemon daemon(path(), serve_ok);
  ClientOptions several = options();
  several.addresses = {"unix:" + directory_.file("none"), path(), "embedded:"};
  Client client = Client::open(several).value();
  EXPECT_EQ(client.address(), "unix:" + path());
}

TEST_F(RemoteTest, WhenNoneAnswersAllAreNamed) {
  ClientOptions several = options();
  several.addresses = {directory_.file("a"), directory_.file("b")};
  const auto client = Client::open(several);
  ASSERT_FALSE(client);
  EXPECT_THAT(client.error().message, HasSubstr("unix:" + directory_.file("a")));
  EXPECT_THAT(client.error().message, HasSubstr("unix:" + directory_.file("b")));
}

TEST_F(RemoteTest, AnAddressThatIsNoneIsNotSkipped) {
  ClientOptions several = options();
  several.addresses = {"nonsense", "embedded:"};
  const auto client = Client::open(several);
  ASSERT_FALSE(client);
  EXPECT_EQ(client.error().code, ErrorCode::kInvalidRequest);
}

/// Answers each request with the namespace that its connection is in.
void serve_namespaces(FakeConnection& connection) {
  std::string ns = "default";
  for (std::string line; connection.read_line(line);) {
    const JsonView request = JsonView::parse(line).value();
    if (request.find("op")->as_text() == "use") {
      const std::string name = request.find("name")->as_text();
      if (name == "none") {
        connection.write(R"({"ok":false,"error":{"code":"not_found","message":"no namespace"}})"
                         "\n");
        continue;
      }
      ns = name;
    }
    connection.write(R"({"ok":true,"ns":")" + ns + "\"}\n");
  }
}

TEST_F(RemoteTest, EveryConnectionIsInTheClientsNamespace) {
  FakeDaemon daemon(path(), serve_namespaces);
  ClientOptions in_a = options();
  in_a.ns = "a";
  Client client = Client::open(in_a).value();
  in_threads(8, [&](std::size_t) {
    for (int k = 0; k < 100; ++k)
      EXPECT_EQ(client.call(R"({"op":"ping"})"), R"({"ok":true,"ns":"a"})");
  });
}

TEST_F(RemoteTest, UseMovesAllConnectionsAndBack) {
  FakeDaemon daemon(path(), serve_namespaces);
  Client client = open();
  const auto all_are_in = [&](const std::string& ns) {
    in_threads(4, [&](std::size_t) {
      for (int k = 0; k < 50; ++k)
        EXPECT_EQ(client.call(R"({"op":"ping"})"), R"({"ok":true,"ns":")" + ns + "\"}");
    });
  };
  all_are_in("default");
  ASSERT_TRUE(client.use("a"));
  all_are_in("a");
  EXPECT_EQ(client.call(R"({"op":"use","name":"b"})"), R"({"ok":true,"ns":"b"})");
  all_are_in("b");
  ASSERT_TRUE(client.use("default"));
  all_are_in("default");
}

TEST_F(RemoteTest, ANamespaceThatIsNotThereIsAnErrorAndChangesNothing) {
  FakeDaemon daemon(path(), serve_namespaces);
  ClientOptions nowhere = options();
  nowhere.ns = "none";
  const auto refused = Client::open(nowhere);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::kNotFound);
  Client client = open();
  const auto used = client.use("none");
  ASSERT_FALSE(used);
  EXPECT_EQ(used.error().code, ErrorCode::kNotFound);
  EXPECT_EQ(client.call(R"({"op":"ping"})"), R"({"ok":true,"ns":"default"})");
}

TEST_F(RemoteTest, SaysItsNameOnEachConnection) {
  std::string first;
  FakeDaemon daemon(path(), [&](FakeConnection& connection) {
    connection.read_line(first);
    connection.write(kOk);
    serve_ok(connection);
  });
  {
    ClientOptions named = options();
    named.client_name = "billing";
    Client client = Client::open(named).value();
    EXPECT_TRUE(client.call("{}"));
  }
  EXPECT_EQ(first, R"({"op":"hello","client_name":"billing","protocol_version":1})");
}

TEST_F(RemoteTest, OpensNoMoreConnectionsThanAllowed) {
  std::atomic<int> now{0};
  std::atomic<int> most{0};
  FakeDaemon daemon(path(), [&](FakeConnection& connection) {
    for (std::string line; connection.read_line(line);) {
      const int running = ++now;
      int seen = most;
      while (running > seen && !most.compare_exchange_weak(seen, running)) {
      }
      --now;
      connection.write(kOk);
    }
  });
  ClientOptions two = options();
  two.connections_max = 2;
  Client client = Client::open(two).value();
  in_threads(8, [&](std::size_t) {
    for (int k = 0; k < 200; ++k)
      EXPECT_EQ(client.call("{}"), "{\"ok\":true}");
  });
  EXPECT_LE(most, 2);
  EXPECT_LE(daemon.connections(), 2U);
}

TEST_F(RemoteTest, WaitingForAConnectionIsBounded) {
  std::atomic<bool> received{false};
  FakeDaemon daemon(path(), [&](FakeConnection& connection) {
    std::string line;
    while (connection.read_line(line))
      received = true;
  });
  ClientOptions one = options();
  one.connections_max = 1;
  one.timeout = kImpatience;
  Client client = Client::open(one).value();
  std::thread holder([&] { EXPECT_FALSE(client.call("{}")); });
  const auto answer = client.call("{}");
  holder.join();
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().code, ErrorCode::kTimeout);
}

TEST_F(RemoteTest, ARequestIsOneLine) {
  FakeDaemon daemon(path(), serve_ok);
  Client client = open();
  for (const std::string request : {"{}\n{}", "", "[]", "ping", "{\n}"}) {
    const auto answer = client.call(request);
    ASSERT_FALSE(answer) << request;
    EXPECT_EQ(answer.error().code, ErrorCode::kInvalidRequest);
    const std::vector<std::string> requests{request};
    EXPECT_FALSE(client.pipeline(requests));
  }
  const std::vector<std::string> use{R"({"op":"use","name":"a"})"};
  EXPECT_FALSE(client.pipeline(use));
  EXPECT_TRUE(client.pipeline({})->empty());
}

TEST_F(RemoteTest, AListenerThatSpeaksRespIsNamed) {
  FakeDaemon daemon(path(), [](FakeConnection& connection) {
    std::string line;
    while (connection.read_line(line))
      connection.write("-ERR unknown command\r\n");
  });
  Client client = open();
  const auto value = client.get("a");
  ASSERT_FALSE(value);
  EXPECT_EQ(value.error().code, ErrorCode::kUnavailable);
  EXPECT_THAT(value.error().message, testing::HasSubstr("speaks RESP (it says `-ERR unknown"));
}

TEST_F(RemoteTest, AnAnswerThatMakesNoSenseIsAnInternalError) {
  FakeDaemon daemon(path(), [](FakeConnection& connection) {
    std::string line;
    const char* const answers[] = {"nonsense", "{}", R"({"ok":true})",
                                   R"({"ok":true,"found":true})"};
    for (std::size_t i = 0; connection.read_line(line); ++i)
      connection.write(std::string(answers[i % std::size(answers)]) + '\n');
  });
  Client client = open();
  for (int i = 0; i < 4; ++i) {
    const auto value = client.get("a");
    ASSERT_FALSE(value);
    EXPECT_EQ(value.error().code, ErrorCode::kInternal);
  }
}

TEST_F(RemoteTest, TheTokenIsShownFirstOverEachConnection) {
  const std::string expected = R"({"op":"auth","token":"a-token-of-the-tests-own"})";
  std::atomic<int> shown{0};
  FakeDaemon daemon(path(), [&](FakeConnection& connection) {
    std::string line;
    if (!connection.read_line(line) || line != expected) return;
    ++shown;
    connection.write("{\"ok\":true,\"role\":\"operator\"}\n");
    if (connection.read_line(line)) connection.write("{\"ok\":true,\"found\":false}\n");
  });
  ClientOptions options;
  options.addresses = {path()};
  options.token = "a-token-of-the-tests-own";
  auto client = Client::open(options);
  ASSERT_TRUE(client) << client.error().message;
  EXPECT_TRUE(client->get("a"));
  EXPECT_TRUE(client->get("a"));  // over another connection: that one has closed
  EXPECT_EQ(shown, 2);
}

TEST_F(RemoteTest, AWrongTokenIsAnErrorAndOneThatNobodyAsksForIsNone) {
  std::string code = "unauthenticated";
  FakeDaemon daemon(path(), [&](FakeConnection& connection) {
    std::string line;
    while (connection.read_line(line))
      connection.write(R"({"ok":false,"error":{"code":")" + code + R"(","message":"no"}})" + '\n');
  });
  ClientOptions options;
  options.addresses = {path()};
  options.token = "a-token-of-the-tests-own";
  const auto client = Client::open(options);
  ASSERT_FALSE(client);
  EXPECT_EQ(client.error().code, ErrorCode::kUnauthenticated);
  EXPECT_EQ(client.error().message, "appmemd at " + path() + " refuses the token: no");
  EXPECT_EQ(connect_socket({path()}, kPatience, options.token).error().code,
            ErrorCode::kUnauthenticated);
  code = "unavailable";
  EXPECT_TRUE(Client::open(options));
}

TEST_F(RemoteTest, ConnectSocketGivesAPlainSocket) {
  FakeDaemon daemon(path(), serve_ok);
  const auto fd = connect_socket({path()}, kPatience);
  ASSERT_TRUE(fd);
  ASSERT_EQ(::write(*fd, "{}\n", 3), 3);
  char answer[64];
  EXPECT_GT(::read(*fd, answer, sizeof answer), 0);
  ::close(*fd);
  EXPECT_EQ(connect_socket({"embedded:"}, kPatience).error().code, ErrorCode::kInvalidRequest);
  EXPECT_EQ(connect_socket({directory_.file("none")}, kPatience).error().code,
            ErrorCode::kUnavailable);
}

}  // namespace
}  // namespace appmem::client
