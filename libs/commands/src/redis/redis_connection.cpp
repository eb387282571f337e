#include "redis_connection.h"

#include <algorithm>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "redis_handlers.h"
#include "redis_state.h"

/// What a connection is: who asks, in which version of the protocol, under which name.
namespace appmem::commands {
namespace {

/// The one user that there is, as Redis names it.
constexpr std::string_view kUser = "default";

/// Checks what AUTH and HELLO AUTH show. False when an error has been replied.
bool authenticate(RedisCall& call, std::optional<std::string_view> user, std::string_view token) {
  TokenCheck check = TokenCheck::kWrong;
  if (!user || *user == kUser) check = call.control.authenticate(call.session, token);
  switch (check) {
    case TokenCheck::kAccepted:
      return true;
    case TokenCheck::kWrong:
      call.reply.failure("WRONGPASS invalid username-password pair or user is disabled.");
      return false;
    case TokenCheck::kNotTaken:
      break;
  }
  // As with Redis, whose user needs no password then: any will do.
  if (user) return true;
  call.reply.failure(
      "ERR AUTH <password> called without any password configured for the default user. Are you "
      "sure your configuration is correct?");
  return false;
}

/// Does what the words of HELLO ask for, one after the other: what stands before a mistake has been
/// done. False when an error has been replied.
bool take_hello(RedisCall& call, std::optional<int>& version_asked) {
  const auto words = call.words.subspan(1);
  if (words.empty()) return true;
  std::int64_t version = 0;
  if (!read_redis_integer(words[0], version)) {
    call.reply.failure("ERR Protocol version is not an integer or out of range");
    return false;
  }
  if (version != 2 && version != 3) {
    call.reply.failure("NOPROTO unsupported protocol version");
    return false;
  }
  version_asked = static_cast<int>(version);
  for (std::size_t i = 1; i < words.size();) {
    const std::size_t left = words.size() - i - 1;
    if (is_redis_word(words[i], "AUTH") && left >= 2) {
      if (!authenticate(call, words[i + 1], words[i + 2])) return false;
      i += 3;
    } else if (is_redis_word(words[i], "SETNAME") && left >= 1) {
      if (!check_redis_client_name(call, words[i + 1])) return false;
      call.session.client_name = words[i + 1];
      i += 2;
    } else {
      call.reply.failure("ERR Syntax error in HELLO option '" + std::string(words[i]) + "'");
      return false;
    }
  }
  return true;
}

}  // namespace

bool is_redis_client_text(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return c >= '!' && c <= '~'; });
}

bool check_redis_client_name(RedisCall& call, std::string_view name) {
  if (!is_redis_client_text(name)) {
    call.reply.failure("ERR Client names cannot contain spaces, newlines or special characters.");
  } else if (name.size() > protocol::kTextBytesMax) {
    call.reply.failure("ERR a client's name has at most " +
                       std::to_string(protocol::kTextBytesMax) + " bytes");
  } else {
    return true;
  }
  return false;
}

void redis_ping(RedisCall& call) {
  if (call.words.size() > 2) {
    return call.reply.failure("ERR wrong number of arguments for 'ping' command");
  }
  if (call.words.size() == 2) return call.reply.bulk(call.words[1]);
  call.reply.status("PONG");
}

void redis_echo(RedisCall& call) {
  call.reply.bulk(call.words[1]);
}

void redis_auth(RedisCall& call) {
  const auto words = call.words.subspan(1);
  if (words.size() > 2) return call.reply.failure(kRedisSyntaxError);
  std::optional<std::string_view> user;
  if (words.size() == 2) user = words[0];
  if (authenticate(call, user, words.back())) call.reply.ok();
}

void redis_hello(RedisCall& call) {
  std::optional<int> version;
  if (!take_hello(call, version)) return;
  Session& session = call.session;
  if (session.caller.role == protocol::Caller::Role::kUnauthenticated) {
    return call.reply.failure(
        "NOAUTH HELLO must be called with the client already authenticated, otherwise the HELLO "
        "AUTH <user> <pass> option can be used to authenticate the client and select the "
        "RESP protocol version at the same time");
  }
  if (version) {
    call.reply.set_version(*version);
    session.redis->version = *version;
  }
  protocol::RedisReply& reply = call.reply;
  reply.map(7);
  reply.bulk("server");
  reply.bulk("redis");
  reply.bulk("version");
  reply.bulk(kRedisVersion);
  reply.bulk("proto");
  reply.integer(reply.version());
  reply.bulk("id");
  reply.integer(static_cast<std::int64_t>(session.id));
  reply.bulk("mode");
  reply.bulk("standalone");
  reply.bulk("role");
  reply.bulk("master");
  reply.bulk("modules");
  reply.array(0);
}

void redis_quit(RedisCall& call) {
  call.reply.ok();
  call.close = true;
}

void redis_reset(RedisCall& call) {
  Session& session = call.session;
  session.redis->end_transaction();
  session.redis->unmade_database = 0;
  session.redis->version = 2;
  session.ns = core::kDefaultNamespace;
  session.client_name.clear();
  session.caller.role = session.role_at_start;
  call.reply.set_silence(protocol::RedisReply::Silence::kNone);
  call.reply.set_version(2);
  call.reply.status("RESET");
}

}  // namespace appmem::commands
