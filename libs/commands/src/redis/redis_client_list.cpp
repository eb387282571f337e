#include "redis_client_list.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "appmem/commands/session_view.h"
#include "appmem/protocol/caller.h"
#include "redis_answer.h"
#include "redis_connection.h"
#include "redis_databases.h"
#include "redis_state.h"

namespace appmem::commands {
namespace {

/// The one user that there is, as Redis names it.
constexpr std::string_view kUser = "default";

/// An address as Redis shows it: "/run/x.sock:0", "127.0.0.1:6379".
std::string shown_address(std::string_view address) {
  constexpr std::string_view kUnix = "unix:";
  constexpr std::string_view kTcp = "tcp://";
  if (address.starts_with(kTcp)) return std::string(address.substr(kTcp.size()));
  if (address.starts_with(kUnix)) address.remove_prefix(kUnix.size());
  return std::string(address) + ":0";
}

std::string local_address(const ClientInfo& client) {
  return shown_address(client.address);
}

/// Over a Unix socket both ends have the same.
std::string remote_address(const ClientInfo& client) {
  return client.peer.empty() ? local_address(client) : client.peer;
}

std::string flags_of(const ClientInfo& client) {
  std::string flags;
  if (client.redis.queued >= 0) flags += 'x';
  if (client.peer.empty()) flags += 'U';
  if (client.redis.no_evict) flags += 'e';
  return flags.empty() ? "N" : flags;
}

/// Writes one field after the other of a line.
class Line {
 public:
  void add(std::string_view name, std::string_view text) {
    if (!text_.empty()) text_ += ' ';
    text_ += name;
    text_ += '=';
    // What comes from NDJSON may have blanks and line ends in it.
    for (const char c : text)
      text_ += is_redis_client_text({&c, 1}) ? c : '_';
  }
  void add(std::string_view name, std::int64_t number) { add(name, std::to_string(number)); }
  void add(std::string_view name, milliseconds time) {
    add(name, std::chrono::duration_cast<std::chrono::seconds>(time).count());
  }
  std::string end() { return std::move(text_) + '\n'; }

 private:
  std::string text_;
};

/// Describes connections. What namespaces are called is looked up once for all of them.
class Describer {
 public:
  explicit Describer(RedisCall& call) : call_(call) {
    for (int number = 0; number < kRedisDatabases; ++number)
      databases_[static_cast<std::size_t>(number)] = find_redis_database(call.store, number);
  }

  std::string line(const ClientInfo& client) {
    const RedisClientInfo& redis = client.redis;
    Line line;
    line.add("id", static_cast<std::int64_t>(client.id));
    line.add("addr", remote_address(client));
    line.add("laddr", local_address(client));
    line.add("name", client.name);
    line.add("age", client.age);
    line.add("idle", client.idle);
    line.add("flags", flags_of(client));
    line.add("db", database_of(client));
    // Nobody is subscribed to anything.
    for (const std::string_view name : {"sub", "psub", "ssub"})
      line.add(name, 0);
    line.add("multi", redis.queued);
    // Words lie in the buffer that they came in, and what is composed in buffers of one kind.
    line.add("qbuf", static_cast<std::int64_t>(client.input_bytes));
    line.add("qbuf-free", 0);
    line.add("argv-mem", 0);
    line.add("multi-mem", static_cast<std::int64_t>(redis.queue_bytes));
    line.add("obl", static_cast<std::int64_t>(client.output_bytes));
    line.add("oll", 0);
    line.add("omem", 0);
    line.add("tot-mem", static_cast<std::int64_t>(client.memory_bytes));
    line.add("cmd", redis.command != nullptr ? redis.command->name : "NULL");
    line.add("user", kUser);
    line.add("redir", -1);
    line.add("resp", redis.version);
    line.add("lib-name", redis.library_name);
    line.add("lib-ver", redis.library_version);
    line.add("ns", name_of(client));
    if (client.uid != protocol::kNobody) line.add("uid", client.uid);
    if (client.pid != 0) line.add("pid", client.pid);
    line.add("requests", static_cast<std::int64_t>(client.requests));
    return line.end();
  }

 private:
  /// The number of the database that a connection has selected; -1 in any other namespace.
  [[nodiscard]] std::int64_t database_of(const ClientInfo& client) const {
    if (client.ns == kUnmadeDatabase) return client.redis.unmade_database;
    const auto* const found = std::find(databases_.begin(), databases_.end(), client.ns);
    return found == databases_.end() ? -1 : found - databases_.begin();
  }

  std::string name_of(const ClientInfo& client) {
    if (client.ns == kUnmadeDatabase) return redis_database_name(client.redis.unmade_database);
    const auto known = std::find_if(names_.begin(), names_.end(),
                                    [&](const auto& each) { return each.first == client.ns; });
    if (known != names_.end()) return known->second;
    const auto info = call_.store.namespace_info(client.ns, call_.now);
    // Without a name: it has been dropped.
    return names_.emplace_back(client.ns, info ? info->name : std::string()).second;
  }

  RedisCall& call_;
  std::array<core::NamespaceId, kRedisDatabases> databases_{};
  std::vector<std::pair<core::NamespaceId, std::string>> names_;
};

/// All connections, that of the call as it is now.
std::vector<ClientInfo> list_clients(RedisCall& call) {
  std::vector<ClientInfo> clients = call.control.clients(call.now);
  for (ClientInfo& client : clients) {
    if (client.id != call.session.id) continue;
    SessionView view;
    view.publish(call.session);
    view.read(client);
    client.name = call.session.client_name;
  }
  return clients;
}

/// In what list_clients gave, which is sorted. nullptr when there is none.
const ClientInfo* find_client(const std::vector<ClientInfo>& clients, std::uint64_t id) {
  const auto found = std::lower_bound(
      clients.begin(), clients.end(), id,
      [](const ClientInfo& client, std::uint64_t wanted) { return client.id < wanted; });
  return found == clients.end() || found->id != id ? nullptr : &*found;
}

/// What TYPE may name. All connections are normal ones: nobody replicates or subscribes.
enum class ClientType : std::uint8_t { kNormal, kOther };

/// Nothing when an error has been replied.
std::optional<ClientType> read_type(RedisCall& call, std::string_view name) {
  if (is_redis_word(name, "NORMAL")) return ClientType::kNormal;
  constexpr std::string_view kOthers[] = {"MASTER", "REPLICA", "SLAVE", "PUBSUB"};
  const bool is_other = std::any_of(std::begin(kOthers), std::end(kOthers),
                                    [&](auto each) { return is_redis_word(name, each); });
  if (is_other) return ClientType::kOther;
  call.reply.failure("ERR Unknown client type '" + std::string(name) + "'");
  return std::nullopt;
}

/// Which connections are to be closed.
struct Filter {
  std::optional<std::uint64_t> id;
  std::optional<std::string_view> address;
  std::optional<std::string_view> local_address;
  ClientType type = ClientType::kNormal;
  bool skip_me = true;

  [[nodiscard]] bool takes(const ClientInfo& client) const {
    return type == ClientType::kNormal && (!id || client.id == *id) &&
           (!address || remote_address(client) == *address) &&
           (!local_address || appmem::commands::local_address(client) == *local_address);
  }
};

/// Reads one option. False when an error has been replied.
bool read_option(RedisCall& call, std::string_view name, std::string_view value, Filter& filter) {
  if (is_redis_word(name, "ID")) {
    std::int64_t id = 0;
    if (!read_redis_integer(value, id) || id < 1) {
      call.reply.failure("ERR client-id should be greater than 0");
      return false;
    }
    filter.id = static_cast<std::uint64_t>(id);
  } else if (is_redis_word(name, "TYPE")) {
    const auto type = read_type(call, value);
    if (!type) return false;
    filter.type = *type;
  } else if (is_redis_word(name, "ADDR")) {
    filter.address = value;
  } else if (is_redis_word(name, "LADDR")) {
    filter.local_address = value;
  } else if (is_redis_word(name, "USER")) {
    if (value != kUser) {
      call.reply.failure("ERR No such user '" + std::string(value) + "'");
      return false;
    }
  } else if (is_redis_word(name, "SKIPME") &&
             (is_redis_word(value, "YES") || is_redis_word(value, "NO"))) {
    filter.skip_me = is_redis_word(value, "YES");
  } else {
    call.reply.failure(kRedisSyntaxError);
    return false;
  }
  return true;
}

/// Closes what the filter takes; returns how many.
std::int64_t kill_clients(RedisCall& call, const Filter& filter) {
  std::int64_t killed = 0;
  for (const ClientInfo& client : list_clients(call)) {
    if (!filter.takes(client)) continue;
    if (client.id != call.session.id) {
      killed += call.control.kill_client(client.id) ? 1 : 0;
    } else if (!filter.skip_me) {
      call.close = true;  // behind the reply
      ++killed;
    }
  }
  return killed;
}

}  // namespace

void redis_client_info(RedisCall& call) {
  const std::vector<ClientInfo> clients = list_clients(call);
  const ClientInfo* const own = find_client(clients, call.session.id);
  call.reply.verbatim(own != nullptr ? Describer(call).line(*own) : std::string());
}

void redis_client_list(RedisCall& call) {
  const auto words = call.words.subspan(2);
  const std::vector<ClientInfo> clients = list_clients(call);
  Describer describer(call);
  std::string lines;
  if (words.size() == 2 && is_redis_word(words[0], "TYPE")) {
    const auto type = read_type(call, words[1]);
    if (!type) return;
    for (const ClientInfo& client : clients) {
      if (*type == ClientType::kNormal) lines += describer.line(client);
    }
  } else if (words.size() > 1 && is_redis_word(words[0], "ID")) {
    for (const std::string_view word : words.subspan(1)) {
      std::int64_t id = 0;
      if (!read_redis_integer(word, id)) return call.reply.failure("ERR Invalid client ID");
      const ClientInfo* const client = find_client(clients, static_cast<std::uint64_t>(id));
      if (client != nullptr) lines += describer.line(*client);
      // The same one may be asked for any number of times.
      if (!admits_bytes(call, lines.size())) return;
    }
  } else if (!words.empty()) {
    return call.reply.failure(kRedisSyntaxError);
  } else {
    for (const ClientInfo& client : clients)
      lines += describer.line(client);
  }
  if (admits_bytes(call, lines.size())) call.reply.verbatim(lines);
}

void redis_client_kill(RedisCall& call) {
  const auto words = call.words.subspan(2);
  Filter filter;
  if (words.size() == 1) {  // as it was before there were options
    filter.address = words[0];
    filter.skip_me = false;
    if (kill_clients(call, filter) == 0) return call.reply.failure("ERR No such client");
    return call.reply.ok();
  }
  for (std::size_t i = 0; i < words.size(); i += 2) {
    if (i + 1 == words.size()) return call.reply.failure(kRedisSyntaxError);
    if (!read_option(call, words[i], words[i + 1], filter)) return;
  }
  call.reply.integer(kill_clients(call, filter));
}

}  // namespace appmem::commands
