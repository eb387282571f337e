#include "appmem/client/address.h"

#include <cstring>
#include <fstream>

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "appmem/base/limits.h"
#include "support/temporary_directory.h"

namespace appmem::client {
namespace {

TEST(ParseAddress, KnowsEmbeddedUnixAndPlainPaths) {
  EXPECT_EQ(parse_address("embedded:")->kind, Address::Kind::kEmbedded);
  EXPECT_EQ(parse_address("unix:/run/a.sock")->path, "/run/a.sock");
  EXPECT_EQ(parse_address("unix:relative")->path, "relative");
  EXPECT_EQ(parse_address("./a.sock")->path, "./a.sock");
  EXPECT_EQ(parse_address("./a:b")->path, "./a:b");
  EXPECT_EQ(parse_address("unix:a:b")->path, "a:b");
  EXPECT_EQ(parse_address("/a")->to_string(), "unix:/a");
  EXPECT_EQ(parse_address("embedded:")->to_string(), "embedded:");
}

TEST(ParseAddress, NamesASchemeThatItDoesNotKnowAndWhatItKnows) {
  for (const std::string scheme : {"http:", "redis:", "localhost:"}) {
    const std::string text = scheme + "//127.0.0.1:7070/a";
    const auto address = parse_address(text);
    ASSERT_FALSE(address);
    EXPECT_EQ(address.error().code, ErrorCode::kInvalidRequest);
    std::string message = "\"";
    message.append(text).append("\" is no address (").append(scheme);
    message +=
        " is not known here): write unix:PATH, a path with a slash, tcp://127.0.0.1:PORT, or "
        "embedded:";
    EXPECT_EQ(address.error().message, message);
  }
}

TEST(ParseAddress, KnowsTcpOnThisHost) {
  const auto address = parse_address("tcp://127.0.0.1:7070");
  ASSERT_TRUE(address);
  EXPECT_EQ(address->kind, Address::Kind::kTcp);
  EXPECT_EQ(address->to_string(), "tcp://127.0.0.1:7070");
  EXPECT_EQ(parse_address("tcp://[::1]:7")->to_string(), "tcp://[::1]:7");
  for (const char* text : {"tcp://10.0.0.1:7070", "tcp://127.0.0.1", "tcp://127.0.0.1:0", "tcp:"}) {
    const auto refused = parse_address(text);
    ASSERT_FALSE(refused) << text;
    EXPECT_EQ(refused.error().code, ErrorCode::kInvalidRequest);
  }
}

TEST(ParseAddress, RefusesWhatIsNoAddress) {
  for (const std::string text :
       {"", "unix:", "appmem", "embedded", "embedded:x", ":", "a:b", "127.0.0.1:80"}) {
    const auto address = parse_address(text);
    ASSERT_FALSE(address) << text;
    EXPECT_EQ(address.error().code, ErrorCode::kInvalidRequest) << text;
  }
  EXPECT_FALSE(parse_address(std::string("/a\0b", 4)));
}

TEST(ParseAddress, NamesTheLimitOfAPath) {
  const std::string longest = "/" + std::string(kSocketPathBytesMax - 1, 'x');
  EXPECT_TRUE(parse_address(longest));
  const auto address = parse_address(longest + "x");
  ASSERT_FALSE(address);
  EXPECT_NE(address.error().message.find("107"), std::string::npos);
}

class DefaultAddresses : public testing::Test {
 protected:
  DefaultAddresses() {
    environment_.socket.uid = ::geteuid();
    environment_.socket.root = directory_.path();
    environment_.socket.xdg_runtime_dir = directory_.file("xdg");
  }

  /// A socket file, as a daemon leaves it in the file system.
  static void make_socket(const std::string& path) {
    const int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    path.copy(address.sun_path, sizeof address.sun_path - 1);
    ASSERT_EQ(::bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address), 0) << path;
    ::close(fd);
  }
  std::string make_system_socket() {
    std::filesystem::create_directories(directory_.path() / "run/appmem");
    make_socket(directory_.file("run/appmem/appmem.sock"));
    return "unix:" + directory_.file("run/appmem/appmem.sock");
  }
  [[nodiscard]] std::string own() const {
    return "unix:" + directory_.file("xdg/appmem/appmem.sock");
  }

  test::TemporaryDirectory directory_;
  AddressEnvironment environment_;
};

TEST_F(DefaultAddresses, TheVariableIsTheOnlyOneTried) {
  make_system_socket();
  environment_.appmem_socket = "unix:/elsewhere";
  EXPECT_EQ(default_addresses(environment_), std::vector<std::string>{"unix:/elsewhere"});
}

TEST_F(DefaultAddresses, RootHasTheSystemSocketAlone) {
  environment_.socket.uid = 0;
  const std::string system = make_system_socket();
  EXPECT_EQ(default_addresses(environment_), std::vector<std::string>{system});
}

TEST_F(DefaultAddresses, AUsersOwnComesBeforeTheSystems) {
  environment_.socket.uid = 1000;
  const std::string system = make_system_socket();
  // The test itself may not be root: then it stands for the user appmem.
  environment_.appmem_uid = [] {
    return std::optional<std::uint32_t>(::geteuid());
  };
  EXPECT_EQ(default_addresses(environment_), (std::vector<std::string>{own(), system}));
}

TEST_F(DefaultAddresses, ASystemSocketOfSomebodyElseIsLeftOut) {
  environment_.socket.uid = 1000;
  make_system_socket();
  const std::string path = directory_.file("run/appmem/appmem.sock");
  if (::geteuid() == 0) {
    ASSERT_EQ(::lchown(path.c_str(), 4242, 4242), 0);
  }
  environment_.appmem_uid = [] {
    return std::optional<std::uint32_t>(4243);
  };
  EXPECT_EQ(default_addresses(environment_), std::vector<std::string>{own()});
  environment_.appmem_uid = [] {
    return std::optional<std::uint32_t>();
  };
  EXPECT_EQ(default_addresses(environment_), std::vector<std::string>{own()});
}

TEST_F(DefaultAddresses, APlainFileInTheSystemsPlaceIsLeftOut) {
  environment_.socket.uid = 1000;
  std::filesystem::create_directories(directory_.path() / "run/appmem");
  std::ofstream(directory_.file("run/appmem/appmem.sock")) << "no socket";
  environment_.appmem_uid = [] {
    return std::optional<std::uint32_t>(::geteuid());
  };
  EXPECT_EQ(default_addresses(environment_), std::vector<std::string>{own()});
}

TEST_F(DefaultAddresses, TheLastResortIsTriedOnlyInAPrivateDirectoryOfTheUser) {
  if (::geteuid() == 0) environment_.socket.uid = 4242;
  environment_.socket.xdg_runtime_dir.clear();
  const std::string folder =
      directory_.file("tmp/appmem-" + std::to_string(environment_.socket.uid));
  EXPECT_TRUE(default_addresses(environment_).empty());
  std::filesystem::create_directories(folder);
  ASSERT_EQ(::chmod(folder.c_str(), 0755), 0);
  if (::geteuid() == 0) {
    // Somebody else's directory, however private.
    ASSERT_EQ(::chmod(folder.c_str(), 0700), 0);
    EXPECT_TRUE(default_addresses(environment_).empty());
    ASSERT_EQ(::chown(folder.c_str(), environment_.socket.uid, 0), 0);
    ASSERT_EQ(::chmod(folder.c_str(), 0755), 0);
  }
  EXPECT_TRUE(default_addresses(environment_).empty());
  ASSERT_EQ(::chmod(folder.c_str(), 0700), 0);
  EXPECT_EQ(default_addresses(environment_),
            std::vector<std::string>{"unix:" + folder + "/appmem.sock"});
}

TEST_F(DefaultAddresses, ALinkToAPrivateDirectoryIsNotTrusted) {
  if (::geteuid() == 0) environment_.socket.uid = 4242;
  environment_.socket.xdg_runtime_dir.clear();
  const std::string target = directory_.file("target");
  std::filesystem::create_directories(target);
  ASSERT_EQ(::chmod(target.c_str(), 0700), 0);
  if (::geteuid() == 0) {
    ASSERT_EQ(::chown(target.c_str(), environment_.socket.uid, 0), 0);
  }
  std::filesystem::create_directories(directory_.path() / "tmp");
  std::filesystem::create_directory_symlink(
      target, directory_.file("tmp/appmem-" + std::to_string(environment_.socket.uid)));
  EXPECT_TRUE(default_addresses(environment_).empty());
}

TEST(DefaultSocketPath, FollowsTheUserAndTheRuntimeDirectory) {
  EXPECT_EQ(appmem::default_socket_path({0, "/run/user/0", ""}), "/run/appmem/appmem.sock");
  EXPECT_EQ(appmem::default_socket_path({1000, "/run/user/1000", ""}),
            "/run/user/1000/appmem/appmem.sock");
  EXPECT_EQ(appmem::default_socket_path({1000, "", ""}), "/tmp/appmem-1000/appmem.sock");
  EXPECT_EQ(appmem::default_socket_path({1000, "relative", ""}), "/tmp/appmem-1000/appmem.sock");
}

}  // namespace
}  // namespace appmem::client
