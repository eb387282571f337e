#include <string>

#include <gtest/gtest.h>

#include "redis/server_pair.h"
#include "support/redis_info.h"

/// tests/data/redis_info_7.0.15.txt against redis-server itself; and INFO of a daemon that runs.
namespace appmem::test {
namespace {

class RedisServersInfoTest : public testing::Test {
 protected:
  static InfoFields ask(const std::string& socket_path) {
    RespSocket socket(socket_path);
    socket.ask(Words{"SET", "a", "1"});
    socket.ask(Words{"NOSUCH"});
    return info_fields(socket.ask(Words{"INFO", "everything"}).text);
  }

  ServerPair servers_;
  const InfoFields stored_ = listed_fields(APPMEM_TEST_DATA "/redis_info_7.0.15.txt");
  const InfoFields absent_ = listed_fields(APPMEM_TEST_DATA "/redis_info_absent.txt");
};

TEST_F(RedisServersInfoTest, TheStoredNamesAreThoseOfRedis) {
  const InfoFields redis = ask(servers_.redis_socket());
  const std::string version = redis.at("Server redis_version");
  for (const auto& [name, value] : redis)
    EXPECT_TRUE(stored_.contains(name)) << name << " of redis-server " << version;
  for (const auto& [name, rest] : stored_)
    EXPECT_TRUE(redis.contains(name)) << name << " is not in redis-server " << version;
}

TEST_F(RedisServersInfoTest, EveryFieldOfARunningDaemonIsThereOrListedAsAbsent) {
  const InfoFields own = ask(servers_.appmem_socket());
  for (const auto& [name, rest] : stored_)
    EXPECT_NE(own.contains(name), absent_.contains(name)) << name;
  EXPECT_EQ(own.at("Clients connected_clients"), "1");
  EXPECT_EQ(own.at("Stats total_connections_received"), "1");
  for (const char* name : {"Memory used_memory_rss", "Memory total_system_memory",
                           "Stats total_net_input_bytes", "Server process_id"})
    EXPECT_GT(std::stoull(own.at(name)), 0U) << name;
}

}  // namespace
}  // namespace appmem::test
