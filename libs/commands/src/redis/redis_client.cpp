#include <cstdint>
#include <string>
#include <string_view>

#include "redis_client_list.h"
#include "redis_connection.h"
#include "redis_handlers.h"
#include "redis_state.h"
#include "redis_subcommand.h"

/// CLIENT: what a connection asks about itself. See redis_client_list.cpp for all others.
namespace appmem::commands {
namespace {

using Silence = protocol::RedisReply::Silence;

void client_id(RedisCall& call) {
  call.reply.integer(static_cast<std::int64_t>(call.session.id));
}

void client_getname(RedisCall& call) {
  const std::string& name = call.session.client_name;
  name.empty() ? call.reply.null() : call.reply.bulk(name);
}

void client_setname(RedisCall& call) {
  if (!check_redis_client_name(call, call.words[2])) return;
  call.session.client_name = call.words[2];
  call.reply.ok();
}

/// A library's name or version is no longer than this.
constexpr std::size_t kLibraryBytesMax = 128;

void client_setinfo(RedisCall& call) {
  const std::string_view option = call.words[2];
  const std::string_view text = call.words[3];
  if (!is_redis_client_text(text)) {
    return call.reply.failure("ERR " + std::string(option) +
                              " cannot contain spaces, newlines or special characters.");
  }
  RedisState& state = *call.session.redis;
  const bool is_name = is_redis_word(option, "LIB-NAME");
  if (!is_name && !is_redis_word(option, "LIB-VER")) {
    return call.reply.failure("ERR Unrecognized option '" + std::string(option) + "'");
  }
  if (text.size() > kLibraryBytesMax) {
    return call.reply.failure("ERR " + std::string(option) + " has at most " +
                              std::to_string(kLibraryBytesMax) + " bytes");
  }
  (is_name ? state.library_name : state.library_version) = text;
  ++state.library_changes;
  call.reply.ok();
}

void client_no_evict(RedisCall& call) {
  const bool on = is_redis_word(call.words[2], "ON");
  if (!on && !is_redis_word(call.words[2], "OFF")) return call.reply.failure(kRedisSyntaxError);
  call.session.redis->no_evict = on;
  call.reply.ok();
}

void client_reply(RedisCall& call) {
  const std::string_view word = call.words[2];
  if (is_redis_word(word, "ON")) {
    call.reply.set_silence(Silence::kNone);
    call.reply.ok();
  } else if (is_redis_word(word, "OFF")) {
    call.reply.set_silence(Silence::kAll);
  } else if (is_redis_word(word, "SKIP")) {
    call.reply.set_silence(Silence::kSkip);
  } else {
    call.reply.failure(kRedisSyntaxError);
  }
}

void client_help(RedisCall& call) {
  constexpr std::string_view kLines[] = {
      "CLIENT <subcommand> [<arg> [value] [opt] ...]. Subcommands are:",
      "GETNAME",
      "    Return the name of the current connection.",
      "ID",
      "    Return the ID of the current connection.",
      "INFO",
      "    Return information about the current client connection.",
      "KILL <ip:port>",
      "    Kill connection made from <ip:port>.",
      "KILL <option> <value> [<option> <value> [...]]",
      "    Kill connections. Options are:",
      "    * ID <client-id>",
      "      Kill the connection with this ID.",
      "    * ADDR (<ip:port>|<unixsocket>:0)",
      "      Kill connections made from the specified address",
      "    * LADDR (<ip:port>|<unixsocket>:0)",
      "      Kill connections made to specified local address",
      "    * TYPE (NORMAL|MASTER|REPLICA|PUBSUB)",
      "      Kill connections by type.",
      "    * USER <username>",
      "      Kill connections authenticated by <username>.",
      "    * SKIPME (YES|NO)",
      "      Skip killing current connection (default: yes).",
      "LIST [options ...]",
      "    Return information about client connections. Options:",
      "    * TYPE (NORMAL|MASTER|REPLICA|PUBSUB)",
      "      Return clients of specified type.",
      "    * ID <client-id> [<client-id> ...]",
      "      Return clients with these IDs.",
      "REPLY (ON|OFF|SKIP)",
      "    Control the replies sent to the current connection.",
      "SETINFO (LIB-NAME|LIB-VER) <text>",
      "    Tell which library, and which version of it, the client uses.",
      "SETNAME <name>",
      "    Assign the name <name> to the current connection.",
      "NO-EVICT (ON|OFF)",
      "    Protect current client connection from eviction.",
      "HELP",
      "    Prints this help.",
  };
  write_redis_help(call, kLines);
}

}  // namespace

void redis_client(RedisCall& call) {
  constexpr RedisSubcommandRow kRows[] = {
      {"client|getname", client_getname},
      {"client|help", client_help},
      {"client|id", client_id},
      {"client|info", redis_client_info},
      {"client|kill", redis_client_kill},
      {"client|list", redis_client_list},
      {"client|no-evict", client_no_evict},
      {"client|reply", client_reply},
      {"client|setinfo", client_setinfo},
      {"client|setname", client_setname},
  };
  run_redis_subcommand(call, kRows);
}

}  // namespace appmem::commands
