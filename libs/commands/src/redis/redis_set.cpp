#include <optional>
#include <string>
#include <utility>

#include "redis_answer.h"
#include "redis_deadline.h"
#include "redis_handlers.h"
#include "redis_values.h"

/// Setting values whole, and the words that SET and GETEX share.
namespace appmem::commands {
namespace {

using core::EntryView;
using core::Expiry;
using protocol::RedisId;

/// The words behind the value of SET or the key of GETEX.
struct SetWords {
  bool if_absent = false;
  bool if_present = false;
  bool return_old = false;
  bool keep_ttl = false;
  bool persist = false;
  std::string_view form;  // EX, PX, EXAT or PXAT, in capitals; empty when there is none
  std::string_view time;  // what stands behind it
};

/// EX, PX, EXAT or PXAT; empty for any other word.
std::string_view deadline_word(std::string_view text) {
  for (const std::string_view word : {"EX", "PX", "EXAT", "PXAT"}) {
    if (is_redis_word(text, word)) return word;
  }
  return {};
}

/// Reads the words of SET. False where they are not its syntax.
bool read_set_words(std::span<const std::string_view> words, SetWords& read) {
  for (std::size_t i = 0; i < words.size(); ++i) {
    const std::string_view word = words[i];
    const std::string_view form = deadline_word(word);
    if (is_redis_word(word, "NX") && !read.if_present) {
      read.if_absent = true;
    } else if (is_redis_word(word, "XX") && !read.if_absent) {
      read.if_present = true;
    } else if (is_redis_word(word, "GET")) {
      read.return_old = true;
    } else if (is_redis_word(word, "KEEPTTL") && read.form.empty()) {
      read.keep_ttl = true;
    } else if (!form.empty() && !read.keep_ttl && i + 1 < words.size() &&
               (read.form.empty() || read.form == form)) {
      read.form = form;
      read.time = words[++i];
    } else {
      return false;
    }
  }
  return true;
}

/// Reads the words of GETEX. False where they are not its syntax.
bool read_getex_words(std::span<const std::string_view> words, SetWords& read) {
  for (std::size_t i = 0; i < words.size(); ++i) {
    const std::string_view form = deadline_word(words[i]);
    if (is_redis_word(words[i], "PERSIST") && read.form.empty()) {
      read.persist = true;
    } else if (!form.empty() && !read.persist && i + 1 < words.size() &&
               (read.form.empty() || read.form == form)) {
      read.form = form;
      read.time = words[++i];
    } else {
      return false;
    }
  }
  return true;
}

/// The deadline that `time` means after `form`; nothing when a refusal has been replied.
std::optional<Expiry> read_deadline(RedisCall& call, std::string_view form, std::string_view time) {
  std::int64_t number = 0;
  if (!read_redis_integer(time, number)) {
    call.reply.failure(kRedisNotAnInteger);
    return std::nullopt;
  }
  const DeadlineForm meant{.milliseconds = form.starts_with('P'), .moment = form.ends_with("AT")};
  auto expiry = number > 0 ? redis_deadline(number, meant, call.now) : std::nullopt;
  if (!expiry) refuse_redis_deadline(call);
  return expiry;
}

enum class Stored : std::uint8_t { kYes, kNo, kRefused };

/// Stores a value. kNo: a condition was not met. kRefused: an error has been replied.
Stored store_value(RedisCall& call, std::string_view key, std::string_view bytes,
                   const core::SetOptions& options) {
  const auto outcome = write_redis_value(call, call.ns, key, bytes, options);
  if (outcome) return Stored::kYes;
  const ErrorCode code = outcome.error().code;
  if (options.conditions.if_absent && code == ErrorCode::kExists) return Stored::kNo;
  if (options.conditions.if_present && code == ErrorCode::kNotFound) return Stored::kNo;
  refuse_redis(call, outcome.error());
  return Stored::kRefused;
}

/// Stores a value and replies with the one that was there, also where a condition then is not met.
void store_and_tell_old(RedisCall& call, std::string_view bytes, core::SetOptions options) {
  const std::string_view key = call.words[1];
  if (!admits_value(call, key)) return;
  RedisValue old;
  const auto keep = [&](const EntryView& entry) {
    old.keep(entry.value);
  };
  const core::EntryVisitor visitor(keep);
  options.old = &visitor;
  if (store_value(call, key, bytes, options) == Stored::kRefused) return;
  old ? call.reply.value(old.view()) : call.reply.null();
}

/// Whether there is an entry; nothing when an error has been replied.
std::optional<bool> is_present(RedisCall& call, std::string_view key) {
  const core::GetOptions peek{.touch = std::nullopt, .peek = true};
  const auto ignore = [](const EntryView& /*entry*/) {
  };
  const auto outcome = call.keys.get(call.ns, key, peek, call.now, ignore);
  if (!outcome) {
    refuse_redis(call, outcome.error());
    return std::nullopt;
  }
  call.rests_on(outcome->ticket);
  return outcome->found;
}

}  // namespace

void redis_set(RedisCall& call) {
  SetWords words;
  if (!read_set_words(call.words.subspan(3), words)) return call.reply.failure(kRedisSyntaxError);
  core::SetOptions options;
  options.conditions.if_absent = words.if_absent;
  options.conditions.if_present = words.if_present;
  if (words.keep_ttl) options.expiry.mode = Expiry::Mode::kKeep;
  if (!words.form.empty()) {
    const auto expiry = read_deadline(call, words.form, words.time);
    if (!expiry) return;
    options.expiry = *expiry;
  }
  const std::string_view value = call.words[2];
  if (words.return_old) return store_and_tell_old(call, value, options);
  switch (store_value(call, call.words[1], value, options)) {
    case Stored::kYes:
      return call.reply.ok();
    case Stored::kNo:
      return call.reply.null();
    case Stored::kRefused:
      break;
  }
}

void redis_setex(RedisCall& call) {
  const bool in_milliseconds = call.spec.id == RedisId::kPsetex;
  const auto expiry = read_deadline(call, in_milliseconds ? "PX" : "EX", call.words[2]);
  if (!expiry) return;
  core::SetOptions options;
  options.expiry = *expiry;
  if (store_value(call, call.words[1], call.words[3], options) == Stored::kYes) call.reply.ok();
}

void redis_setnx(RedisCall& call) {
  core::SetOptions options;
  options.conditions.if_absent = true;
  const Stored stored = store_value(call, call.words[1], call.words[2], options);
  if (stored != Stored::kRefused) call.reply.integer(stored == Stored::kYes ? 1 : 0);
}

void redis_getset(RedisCall& call) {
  store_and_tell_old(call, call.words[2], {});
}

void redis_getex(RedisCall& call) {
  SetWords words;
  if (!read_getex_words(call.words.subspan(2), words)) return call.reply.failure(kRedisSyntaxError);
  const std::string_view key = call.words[1];
  core::GetOptions options;
  if (words.persist) options.touch = Expiry{Expiry::Mode::kNever, {}};
  if (!words.form.empty()) {
    // The number is looked at only where there is a key.
    const auto present = is_present(call, key);
    if (!present) return;
    if (!*present) return call.reply.null();
    options.touch = read_deadline(call, words.form, words.time);
    if (!options.touch) return;
  }
  if (!admits_value(call, key)) return;
  const auto write = [&](const EntryView& entry) {
    call.reply.value(entry.value);
  };
  const auto outcome = call.keys.get(call.ns, key, options, call.now, write);
  if (!outcome) return refuse_redis(call, outcome.error());
  call.rests_on(outcome->ticket);
  if (!outcome->found) call.reply.null();
}

void redis_mset(RedisCall& call) {
  if (call.words.size() % 2 == 0) {
    return call.reply.failure("ERR wrong number of arguments for '" + std::string(call.spec.name) +
                              "' command");
  }
  const bool only_if_absent = call.spec.id == RedisId::kMsetnx;
  for (std::size_t i = 1; only_if_absent && i < call.words.size(); i += 2) {
    const auto present = is_present(call, call.words[i]);
    if (!present) return;
    if (*present) return call.reply.integer(0);
  }
  core::SetOptions options;
  // A single key is not locked: somebody may have set it meanwhile.
  options.conditions.if_absent = only_if_absent && call.words.size() == 3;
  const auto stored = call.keys.all_or_none([&]() -> Result<void> {
    for (std::size_t i = 1; i < call.words.size(); i += 2) {
      auto outcome = write_redis_value(call, call.ns, call.words[i], call.words[i + 1], options);
      if (!outcome) return fail(std::move(outcome).error());
    }
    return {};
  });
  if (stored) return only_if_absent ? call.reply.integer(1) : call.reply.ok();
  if (stored.error().code == ErrorCode::kExists) return call.reply.integer(0);
  refuse_redis(call, stored.error());
}

}  // namespace appmem::commands
