#include "redis_info.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <iterator>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "redis_addresses.h"
#include "redis_answer.h"
#include "redis_connection.h"
#include "redis_databases.h"
#include "redis_handlers.h"
#include "redis_statistics.h"

/// INFO: the fields of Redis 7.0 that have a meaning here. The others, and why, stand in
/// tests/data/redis_info_absent.txt.
namespace appmem::commands {
namespace {

constexpr std::string_view kLineEnd = "\r\n";
constexpr double kKilobyte = 1'024;  // as Redis has it

/// With two digits behind the point.
std::string with_fraction(double number) {
  std::array<char, 64> text{};
  const char* const end =
      std::to_chars(text.data(), text.data() + text.size(), number, std::chars_format::fixed, 2)
          .ptr;
  return {text.data(), static_cast<std::size_t>(end - text.data())};
}

/// "1.35M", as Redis writes sizes for people.
std::string for_people(std::uint64_t bytes) {
  constexpr std::uint64_t kStep = 1024;
  if (bytes < kStep) return std::to_string(bytes) + 'B';
  auto size = static_cast<double>(bytes);
  std::size_t unit = 0;
  constexpr std::string_view kUnits = "BKMGTP";
  while (size >= kStep && unit + 1 < kUnits.size()) {
    size /= kStep;
    ++unit;
  }
  return with_fraction(size) + kUnits[unit];
}

double ratio(std::uint64_t part, std::uint64_t whole) {
  return whole == 0 ? 0 : static_cast<double>(part) / static_cast<double>(whole);
}

/// A time in seconds, to the microsecond.
std::string in_seconds(std::chrono::microseconds time) {
  const std::string fraction = std::to_string(time.count() % 1'000'000);
  return std::to_string(time.count() / 1'000'000) + '.' + std::string(6 - fraction.size(), '0') +
         fraction;
}

class Text {
 public:
  explicit Text(RedisCall& call) : call_(call), server_(call.control.info(call.now)) {}

  void begin_section(std::string_view title) {
    if (!text_.empty()) text_ += kLineEnd;
    text_ += "# ";
    text_ += title;
    text_ += kLineEnd;
  }
  void add(std::string_view name, std::string_view value) {
    text_ += name;
    text_ += ':';
    text_ += value;
    text_ += kLineEnd;
  }
  void add(std::string_view name, std::uint64_t number) { add(name, std::to_string(number)); }
  /// A size, and the same for people.
  void add_size(const std::string& name, std::uint64_t bytes) {
    add(name, bytes);
    add(name + "_human", for_people(bytes));
  }

  [[nodiscard]] RedisCall& call() { return call_; }
  [[nodiscard]] const ServerInfo& server() const { return server_; }
  [[nodiscard]] const std::string& text() const { return text_; }

 private:
  RedisCall& call_;
  const ServerInfo server_;
  std::string text_;
};

void write_server(Text& text) {
  const Instant& now = text.call().now;
  const auto uptime = std::chrono::floor<std::chrono::seconds>(text.server().uptime);
  text.add("redis_version", kRedisVersion);
  text.add("appmem_version", text.server().version);
  text.add("redis_mode", "standalone");
  text.add("os", text.call().control.usage().system);
  text.add("arch_bits", std::uint64_t{8 * sizeof(void*)});
  text.add("monotonic_clock", "POSIX clock_gettime");
  text.add("multiplexing_api", "epoll");
  text.add("process_id", static_cast<std::uint64_t>(text.server().pid));
  text.add("tcp_port", redis_addresses(text.call().control).port);
  text.add("server_time_usec",
           std::to_string(std::chrono::microseconds(now.wall.time_since_epoch()).count()));
  text.add("uptime_in_seconds", std::to_string(uptime.count()));
  text.add("uptime_in_days", std::to_string(std::chrono::floor<std::chrono::days>(uptime).count()));
}

void write_clients(Text& text) {
  text.add("connected_clients", text.server().connections);
  text.add("maxclients", text.call().control.limits().connections_max);
  text.add("blocked_clients", 0);  // no command waits for anything
}

void write_memory(Text& text) {
  RedisCall& call = text.call();
  const core::StoreStats store = call.store.store_stats(call.now);
  const ProcessUsage usage = call.control.usage();
  std::uint64_t client_bytes = 0;
  for (const ClientInfo& client : call.control.clients(call.now))
    client_bytes += client.memory_bytes;
  const std::uint64_t overhead =
      store.memory_used - std::min(store.memory_used, store.entries_live_bytes);
  text.add_size("used_memory", store.memory_used);
  text.add_size("used_memory_rss", usage.resident_bytes);
  const std::uint64_t peak = std::max(call.control.counts().memory_peak_bytes, store.memory_used);
  text.add_size("used_memory_peak", peak);
  text.add("used_memory_peak_perc", with_fraction(100 * ratio(store.memory_used, peak)) + '%');
  text.add("used_memory_overhead", overhead);
  text.add("used_memory_dataset", store.entries_live_bytes);
  text.add("used_memory_dataset_perc",
           with_fraction(100 * ratio(store.entries_live_bytes, store.memory_used)) + '%');
  text.add_size("total_system_memory", usage.machine_memory_bytes);
  text.add_size("maxmemory", store.memory_limit);
  text.add("maxmemory_policy", redis_eviction_policy(call.store));
  text.add("mem_fragmentation_ratio",
           with_fraction(ratio(usage.resident_bytes, store.memory_used)));
  text.add("mem_fragmentation_bytes",
           std::to_string(static_cast<std::int64_t>(usage.resident_bytes - store.memory_used)));
  text.add("mem_clients_normal", client_bytes);
  text.add("mem_allocator", "appmem");
}

using StorageNumbers = std::vector<std::pair<std::string_view, std::int64_t>>;

/// A number of storage's, by its name in `stats`; 0 without a data directory.
std::int64_t storage_number(const StorageNumbers& numbers, std::string_view name) {
  const auto found = std::find_if(numbers.begin(), numbers.end(),
                                  [name](const auto& number) { return number.first == name; });
  return found == numbers.end() ? 0 : found->second;
}

/// Checkpoints stand for RDB files, the log for the append-only file.
void write_persistence(Text& text) {
  StorageControl* const storage = text.call().control.storage();
  const StorageNumbers numbers = storage == nullptr ? StorageNumbers() : storage->stats();
  const bool is_well = storage_number(numbers, "read_only") == 0;
  text.add("loading", 0);
  text.add("rdb_bgsave_in_progress", storage_number(numbers, "checkpoint_pending") != 0 ? 1 : 0);
  text.add("rdb_last_save_time", std::to_string(redis_last_save(text.call())));
  text.add("rdb_last_bgsave_status",
           storage_number(numbers, "checkpoint_failed") != 0 ? "err" : "ok");
  // As Redis tells that there has been none.
  const bool has_saved = storage_number(numbers, "checkpoints") != 0;
  text.add("rdb_last_bgsave_time_sec",
           std::to_string(has_saved ? storage_number(numbers, "checkpoint_ms") / 1000 : -1));
  text.add("rdb_saves", std::to_string(storage_number(numbers, "checkpoints")));
  text.add("rdb_last_load_keys_loaded",
           std::to_string(storage_number(numbers, "recovered_entries")));
  text.add("aof_enabled", numbers.empty() ? 0 : 1);
  text.add("aof_last_write_status", is_well ? "ok" : "err");
}

/// Calls `visit` with the prefix and the number of those errors that there have been.
template <typename Visit>
void for_each_error(const RedisCall& call, Visit visit) {
  using protocol::RedisErrorCounts;
  const RedisErrorCounts* const errors = call.control.redis_errors();
  for (std::size_t i = 0; errors != nullptr && i < std::size(RedisErrorCounts::kPrefixes); ++i) {
    if (errors->count(i) > 0) visit(RedisErrorCounts::kPrefixes[i], errors->count(i));
  }
}

void write_stats(Text& text) {
  RedisCall& call = text.call();
  const RedisCounts counts = call.statistics.since_reset(count_all(call));
  const ServerCounts rates = call.control.counts();
  text.add("total_connections_received", counts.connections);
  text.add("total_commands_processed", counts.requests);
  text.add("instantaneous_ops_per_sec",
           static_cast<std::uint64_t>(std::llround(rates.requests_rate)));
  text.add("total_net_input_bytes", counts.bytes_received);
  text.add("total_net_output_bytes", counts.bytes_sent);
  text.add("instantaneous_input_kbps", with_fraction(rates.bytes_received_rate / kKilobyte));
  text.add("instantaneous_output_kbps", with_fraction(rates.bytes_sent_rate / kKilobyte));
  text.add("rejected_connections", counts.connections_refused);
  text.add("expired_keys", counts.expired);
  text.add("evicted_keys", counts.evicted);
  text.add("evicted_clients", counts.clients_evicted);
  text.add("keyspace_hits", counts.hits);
  text.add("keyspace_misses", counts.misses);
  std::uint64_t errors = 0;
  for_each_error(call, [&](std::string_view /*prefix*/, std::uint64_t count) { errors += count; });
  text.add("total_error_replies", errors);
}

void write_errorstats(Text& text) {
  for_each_error(text.call(), [&](std::string_view prefix, std::uint64_t count) {
    text.add("errorstat_" + std::string(prefix), "count=" + std::to_string(count));
  });
}

void write_replication(Text& text) {
  text.add("role", "master");
  text.add("connected_slaves", 0);
}

void write_cpu(Text& text) {
  const ProcessUsage usage = text.call().control.usage();
  text.add("used_cpu_sys", in_seconds(usage.cpu_system));
  text.add("used_cpu_user", in_seconds(usage.cpu_user));
}

void write_cluster(Text& text) {
  text.add("cluster_enabled", 0);
}

void write_keyspace(Text& text) {
  RedisCall& call = text.call();
  for (int number = 0; number < kRedisDatabases; ++number) {
    const core::NamespaceId id = find_redis_database(call.store, number);
    if (id == kUnmadeDatabase) continue;
    const auto info = call.store.namespace_info(id, call.now);
    if (!info || info->keys == 0) continue;
    // Redis guesses the average time to live from samples, and shows 0 where it has none.
    text.add("db" + std::to_string(number), "keys=" + std::to_string(info->keys) + ",expires=" +
                                                std::to_string(info->deadlines) + ",avg_ttl=0");
  }
}

void write_nothing(Text& /*text*/) {
}

struct Section {
  std::string_view title;
  bool by_default;
  void (*write)(Text& text);
};

/// In the order in which they are shown. Those that write nothing have only a title with Redis too,
/// where there is nothing to tell.
constexpr Section kSections[] = {
    {"Server", true, write_server},
    {"Clients", true, write_clients},
    {"Memory", true, write_memory},
    {"Persistence", true, write_persistence},
    {"Stats", true, write_stats},
    {"Replication", true, write_replication},
    {"CPU", true, write_cpu},
    {"Modules", true, write_nothing},
    {"Commandstats", false, write_nothing},
    {"Errorstats", true, write_errorstats},
    {"Latencystats", false, write_nothing},
    {"Cluster", true, write_cluster},
    {"Keyspace", true, write_keyspace},
};

bool is_chosen(const Section& section, std::string_view word) {
  const std::string name = in_small_letters(word);
  if (name == "all" || name == "everything") return true;
  if (name == "default") return section.by_default;
  return name == in_small_letters(section.title);
}

}  // namespace

std::string_view redis_eviction_policy(const core::Store& store) {
  const auto settings = store.namespace_settings(core::kDefaultNamespace);
  if (!settings || settings->eviction == core::Eviction::kNone) return "noeviction";
  return settings->eviction == core::Eviction::kLru ? "allkeys-lru" : "allkeys-lfu";
}

std::int64_t redis_last_save(const RedisCall& call) {
  if (StorageControl* const storage = call.control.storage(); storage != nullptr) {
    if (const auto at = storage->checkpoint_at()) {
      return std::chrono::floor<std::chrono::seconds>(at->time_since_epoch()).count();
    }
  }
  const milliseconds start = call.now.wall.time_since_epoch() - call.control.info(call.now).uptime;
  return std::chrono::floor<std::chrono::seconds>(start).count();
}

void redis_info(RedisCall& call) {
  std::array<bool, std::size(kSections)> chosen{};
  constexpr std::string_view kDefault[] = {"default"};
  const std::span<const std::string_view> words =
      call.words.size() == 1 ? std::span<const std::string_view>(kDefault) : call.words.subspan(1);
  for (const std::string_view word : words) {
    for (std::size_t i = 0; i < chosen.size(); ++i)
      chosen[i] = chosen[i] || is_chosen(kSections[i], word);
  }
  Text text(call);
  for (std::size_t i = 0; i < chosen.size(); ++i) {
    if (!chosen[i]) continue;
    text.begin_section(kSections[i].title);
    kSections[i].write(text);
  }
  if (admits_bytes(call, text.text().size())) call.reply.verbatim(text.text());
}

}  // namespace appmem::commands
