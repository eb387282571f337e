// RESP: INFO. Which fields it has is compared with those of Redis 7.0.15.

#include "support/redis_info.h"

#include "commands/harness.h"

namespace appmem::test {
namespace {

class RedisInfoTest : public RedisTest {
 protected:
  /// The text of INFO with these sections.
  std::string info(const std::string& sections = "") {
    const std::string reply = ask("INFO" + sections);
    const std::size_t begin = reply.find("\r\n");
    EXPECT_EQ(reply.front(), '$') << reply;
    return reply.substr(begin + 2, reply.size() - begin - 4);
  }
  std::string field(const std::string& name) {
    const InfoFields fields = info_fields(info(" everything"));
    const auto found = fields.find(name);
    return found == fields.end() ? "(none)" : found->second;
  }
};

TEST_F(RedisInfoTest, EveryFieldOfRedisIsThereOrInTheListOfThoseThatAreNot) {
  ask("SET a 1");
  ask("NOSUCH");
  const InfoFields redis = listed_fields(APPMEM_TEST_DATA "/redis_info_7.0.15.txt");
  const InfoFields absent = listed_fields(APPMEM_TEST_DATA "/redis_info_absent.txt");
  const InfoFields own = info_fields(info(" everything"));
  EXPECT_GT(redis.size(), 150U);
  for (const auto& [name, rest] : redis) {
    EXPECT_TRUE(own.contains(name) || absent.contains(name))
        << name << " is neither in INFO nor in tests/data/redis_info_absent.txt";
  }
  for (const auto& [name, reason] : absent) {
    EXPECT_FALSE(own.contains(name)) << name << " is in INFO: it need not stand in the list";
    EXPECT_TRUE(redis.contains(name)) << name << " is no field of Redis";
    EXPECT_GT(reason.size(), 10U) << name << " has no reason";
  }
  for (const auto& [name, value] : own) {
    EXPECT_TRUE(redis.contains(name) || name == "Server appmem_version")
        << name << " is no field of Redis";
  }
}

TEST_F(RedisInfoTest, SectionsComeInOneOrderWhateverWasAskedFor) {
  EXPECT_EQ(info(" nosuch"), "");
  EXPECT_THAT(info(" clients SERVER nosuch"),
              testing::AllOf(testing::StartsWith("# Server\r\nredis_version:7.0.15\r\n"),
                             testing::HasSubstr("\r\n\r\n# Clients\r\nconnected_clients:3\r\n")));
  EXPECT_EQ(info(" modules"), "# Modules\r\n");
  const std::string usual = info();
  EXPECT_EQ(usual, info(" default"));
  EXPECT_THAT(usual, testing::Not(testing::HasSubstr("# Commandstats")));
  EXPECT_THAT(usual, testing::HasSubstr("# Keyspace"));
  EXPECT_THAT(info(" all"), testing::HasSubstr("# Commandstats"));
}

TEST_F(RedisInfoTest, InVersion3ItIsTextToBeShown) {
  ask("HELLO 3");
  EXPECT_EQ(ask("INFO cluster"), "=34\r\ntxt:# Cluster\r\ncluster_enabled:0\r\n\r\n");
}

TEST_F(RedisInfoTest, ValuesAreReal) {
  server_.control.usage_value.resident_bytes = 3 * 1024 * 1024 / 2;
  server_.control.usage_value.cpu_user = std::chrono::microseconds{1'000'020};
  server_.control.usage_value.system = "Linux 6.1 x86_64";
  EXPECT_EQ(field("Server os"), "Linux 6.1 x86_64");
  EXPECT_EQ(field("Server process_id"), "99");
  EXPECT_EQ(field("Server uptime_in_seconds"), "5");
  EXPECT_EQ(field("Clients maxclients"), "10000");
  EXPECT_EQ(field("Memory used_memory_rss"), "1572864");
  EXPECT_EQ(field("Memory used_memory_rss_human"), "1.50M");
  EXPECT_EQ(field("Memory maxmemory"), "67108864");
  EXPECT_EQ(field("Memory maxmemory_human"), "64.00M");
  EXPECT_EQ(field("Memory maxmemory_policy"), "allkeys-lru");
  EXPECT_EQ(field("Memory mem_clients_normal"), "4096");
  EXPECT_EQ(field("CPU used_cpu_user"), "1.000020");
  EXPECT_EQ(field("Persistence loading"), "0");
  EXPECT_EQ(field("Replication role"), "master");
}

TEST_F(RedisInfoTest, KeyspaceCountsTheKeysOfDatabases) {
  EXPECT_EQ(info(" keyspace"), "# Keyspace\r\n");
  ask("MSET a 1 b 2");
  ask("SELECT 3");
  ask("SET c 1");
  json_.ask(R"({"op":"ns.create","name":"orders"})");
  json_.ask(R"({"op":"set","ns":"orders","key":"a","value":1})");
  EXPECT_EQ(info(" keyspace"),
            "# Keyspace\r\ndb0:keys=2,expires=0,avg_ttl=0\r\n"
            "db3:keys=1,expires=0,avg_ttl=0\r\n");
}

TEST_F(RedisInfoTest, KeyspaceCountsTheKeysWithADeadline) {
  const auto expires = [&] {
    const std::string text = info(" keyspace");
    return text.substr(text.find("expires="), 9);
  };
  ask("SET a 1 EX 10");
  ask("SET b 1 EX 10");
  ask("SET c 1");
  EXPECT_EQ(expires(), "expires=2");
  ask("PERSIST a");
  EXPECT_EQ(expires(), "expires=1");
  ask("EXPIRE a 10");
  ask("EXPIRE c 10");
  EXPECT_EQ(expires(), "expires=3");
  ask("SET a 2");
  ask("APPEND b 2");
  ask("GETEX c PERSIST");
  EXPECT_EQ(expires(), "expires=1");
  ask("MULTI");
  ask("EXPIRE a 5");
  ask("DEL b");
  ask("SET c 1 PX 5");
  ask("EXEC");
  EXPECT_EQ(expires(), "expires=2");
}

TEST_F(RedisInfoTest, ResetstatLetsCountingBegin) {
  server_.control.counts_value.connections = 10;
  server_.control.counts_value.bytes_sent = 100;
  ask("SET a 1");
  ask("GET a");
  ask("GET b");
  EXPECT_EQ(field("Stats keyspace_hits"), "1");
  EXPECT_EQ(field("Stats keyspace_misses"), "1");
  EXPECT_EQ(field("Stats total_connections_received"), "10");
  EXPECT_EQ(ask("CONFIG RESETSTAT"), "+OK\r\n");
  server_.control.counts_value.connections = 12;
  ask("GET b");
  EXPECT_EQ(field("Stats keyspace_hits"), "0");
  EXPECT_EQ(field("Stats keyspace_misses"), "1");
  EXPECT_EQ(field("Stats total_connections_received"), "2");
  EXPECT_EQ(field("Stats total_net_output_bytes"), "0");
  EXPECT_EQ(ask("CONFIG RESETSTAT x"),
            "-ERR wrong number of arguments for 'config|resetstat' command\r\n");
}

TEST_F(RedisInfoTest, ErrorsAreCountedByTheirFirstWord) {
  EXPECT_EQ(info(" errorstats"), "# Errorstats\r\n");
  EXPECT_EQ(field("Stats total_error_replies"), "0");
  ask("NOSUCH");
  json_.ask(R"({"op":"set","key":"doc","value":{"a":1}})");
  ask("APPEND doc x");
  ask("MULTI");
  ask("CLIENT REPLY OFF");
  ask("INCRBY a x");
  ask("EXEC");
  ask("GET");
  ask("CLIENT REPLY ON");
  EXPECT_EQ(info(" errorstats"),
            "# Errorstats\r\nerrorstat_ERR:count=3\r\nerrorstat_WRONGTYPE:count=1\r\n");
  EXPECT_EQ(field("Stats total_error_replies"), "4");
  ask("CONFIG RESETSTAT");
  EXPECT_EQ(info(" errorstats"), "# Errorstats\r\n");
}

TEST_F(RedisInfoTest, RatesAndThePeakAreTheDaemons) {
  server_.control.counts_value.requests_rate = 1'234.5;
  server_.control.counts_value.bytes_received_rate = 1'536;
  server_.control.counts_value.bytes_sent_rate = 512;
  server_.control.counts_value.memory_peak_bytes = 32_MiB;
  server_.control.counts_value.clients_evicted = 3;
  EXPECT_EQ(field("Stats instantaneous_ops_per_sec"), "1235");
  EXPECT_EQ(field("Stats instantaneous_input_kbps"), "1.50");
  EXPECT_EQ(field("Stats instantaneous_output_kbps"), "0.50");
  EXPECT_EQ(field("Stats evicted_clients"), "3");
  EXPECT_EQ(field("Memory used_memory_peak"), "33554432");
  EXPECT_EQ(field("Memory used_memory_peak_human"), "32.00M");
  server_.control.counts_value.memory_peak_bytes = 0;
  EXPECT_EQ(field("Memory used_memory_peak"), field("Memory used_memory"));
  EXPECT_EQ(field("Memory used_memory_peak_perc"), "100.00%");
}

TEST_F(RedisInfoTest, ANamespaceThatIsDroppedTakesItsCountsWithIt) {
  json_.ask(R"({"op":"ns.create","name":"orders"})");
  json_.ask(R"({"op":"get","ns":"orders","key":"a"})");
  ask("CONFIG RESETSTAT");
  json_.ask(R"({"op":"ns.drop","name":"orders"})");
  EXPECT_EQ(field("Stats keyspace_misses"), "0");
}

TEST_F(RedisInfoTest, AStrangerLearnsNothing) {
  RedisPeer stranger(server_, Role::kStranger);
  EXPECT_THAT(stranger.ask("INFO"), testing::StartsWith("-NOPERM "));
}

}  // namespace
}  // namespace appmem::test
