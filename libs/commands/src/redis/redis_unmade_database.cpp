#include <algorithm>
#include <string>
#include <utility>

#include "appmem/core/key_check.h"
#include "redis_databases.h"
#include "redis_dispatch.h"
#include "redis_state.h"
#include "reply_meter.h"

/// Commands in a numbered database that does not exist yet. It is made at its first write: one that
/// fails is none, unless it fails for lack of memory, which only the write itself can tell.
namespace appmem::commands {
namespace {

using core::NamespaceId;

/// A database in which nothing is, until something is written: then it is made, and the session is
/// in it. What a write may fail for is looked at before. Everything is locked while it writes; or
/// nothing is, and it only tries whether there would be something to write.
class UnmadeDatabase final : public core::Keyspace {
 public:
  UnmadeDatabase(RedisCall& call, core::Keyspace& step, bool only_tries)
      : call_(call), step_(step), only_tries_(only_tries) {}

  /// Another connection may have made it while this one waited for the locks.
  void look_again() {
    const NamespaceId found =
        find_redis_database(call_.store, call_.session.redis->unmade_database);
    if (found != kUnmadeDatabase) enter(found);
  }
  /// Whether there has been something to write.
  [[nodiscard]] bool would_write() const { return would_write_; }

  Result<core::GetOutcome> get(NamespaceId ns, std::string_view key,
                               const core::GetOptions& options, const Instant& now,
                               core::EntryVisitor visit) override {
    if (auto checked = core::check_key(key); !checked) return fail(std::move(checked).error());
    if (!exists(ns)) return core::GetOutcome{};
    return step_.get(made_, key, options, now, visit);
  }

  Result<core::SetOutcome> set(NamespaceId ns, std::string_view key, const ValueView& value,
                               const core::SetOptions& options, const Instant& now) override {
    if (auto checked = check(key, value.bytes.size()); !checked) {
      return fail(std::move(checked).error());
    }
    if (!exists(ns)) {
      if (options.conditions.if_present || options.conditions.if_version) return absent();
      const bool ends =
          options.expiry.mode == core::Expiry::Mode::kAt && options.expiry.at <= now.mono;
      if (ends) return core::SetOutcome{};
    }
    if (only_tries(ns)) return core::SetOutcome{};
    if (auto made = make(ns, now); !made) return fail(std::move(made).error());
    return step_.set(made_, key, value, options, now);
  }

  Result<core::RemoveOutcome> remove(NamespaceId ns, std::string_view key,
                                     const core::RemoveOptions& options,
                                     const Instant& now) override {
    if (!exists(ns)) return core::RemoveOutcome{};
    return step_.remove(made_, key, options, now);
  }

  Result<core::IncrementOutcome> increment(NamespaceId ns, std::string_view key,
                                           const core::IncrementOptions& options,
                                           const Instant& now) override {
    if (auto checked = core::check_key(key); !checked) return fail(std::move(checked).error());
    if (only_tries(ns)) return core::IncrementOutcome{};
    if (auto made = make(ns, now); !made) return fail(std::move(made).error());
    return step_.increment(made_, key, options, now);
  }

  Result<core::PatchOutcome> patch(NamespaceId ns, std::string_view key, const core::Patch& patch,
                                   const Instant& now) override {
    if (auto checked = check(key, patch.offset.value_or(0) + patch.bytes.size()); !checked) {
      return fail(std::move(checked).error());
    }
    if (only_tries(ns)) return core::PatchOutcome{};
    if (auto made = make(ns, now); !made) return fail(std::move(made).error());
    return step_.patch(made_, key, patch, now);
  }

  Result<core::ExpireOutcome> expire(NamespaceId ns, std::string_view key,
                                     const core::ExpireOptions& options,
                                     const Instant& now) override {
    if (!exists(ns)) return core::ExpireOutcome{};
    return step_.expire(made_, key, options, now);
  }

  Result<std::optional<core::EntryStats>> stats(NamespaceId ns, std::string_view key,
                                                const Instant& now) override {
    if (!exists(ns)) return std::optional<core::EntryStats>{};
    return step_.stats(made_, key, now);
  }

  /// Tried once before anything is made.
  Result<void> all_or_none(FunctionRef<Result<void>()> body) override {
    if (only_tries_) return body();
    if (made_ == kUnmadeDatabase) {
      only_tries_ = true;
      auto tried = body();
      only_tries_ = false;
      if (!tried) return tried;
    }
    return step_.all_or_none(body);
  }

 private:
  static tl::unexpected<Error> absent() {
    return fail(ErrorCode::kNotFound, "the database does not exist yet");
  }

  /// Whether `ns`, which is the session's, has been made.
  bool exists(NamespaceId ns) {
    if (ns != kUnmadeDatabase) made_ = ns;
    return made_ != kUnmadeDatabase;
  }

  /// Whether nothing is written that there is to write.
  bool only_tries(NamespaceId ns) {
    if (!only_tries_ || exists(ns)) return false;
    would_write_ = true;
    return true;
  }

  Result<void> check(std::string_view key, std::size_t value_bytes) const {
    if (auto checked = core::check_key(key); !checked) return checked;
    const std::size_t bytes_max = call_.control.limits().value_bytes_max;
    if (value_bytes <= bytes_max) return {};
    return fail(ErrorCode::kTooLarge, "the value of " + std::to_string(value_bytes) +
                                          " bytes is over max_value_bytes, " +
                                          std::to_string(bytes_max));
  }

  Result<void> make(NamespaceId ns, const Instant& now) {
    if (exists(ns)) return {};
    auto made = make_redis_database(call_.store, call_.session.redis->unmade_database, now);
    if (!made) return fail(std::move(made).error());
    enter(*made);
    return {};
  }

  void enter(NamespaceId made) {
    made_ = call_.session.ns = made;
    call_.session.redis->unmade_database = 0;
  }

  RedisCall& call_;
  core::Keyspace& step_;
  NamespaceId made_ = kUnmadeDatabase;
  bool only_tries_;
  bool would_write_ = false;
};

/// Whether the command, in an empty database, has something to write. Nothing is, and nothing is
/// replied.
bool would_write(RedisCall& call) {
  ReplyMeter nobody;
  RedisCall trial{static_cast<const RedisContext&>(call),
                  call.session,
                  call.keys,
                  call.ns,
                  call.spec,
                  call.words,
                  nobody,
                  call.now,
                  call.target,
                  call.large_words};
  UnmadeDatabase keys(trial, call.store, true);
  run_redis_handler_on(keys, trial);
  return keys.would_write();
}

}  // namespace

void run_in_unmade_database(RedisCall& call) {
  const bool may_write = (call.spec.flags & protocol::kRedisDenyOom) != 0;
  // What does not write may wait for locks of others.
  if (!may_write) {
    UnmadeDatabase keys(call, call.store, false);
    keys.look_again();
    return run_redis_handler_on(keys, call);
  }
  // What comes to nothing (SET … XX, a refusal) is as if it had come before anybody made it.
  if (!would_write(call)) {
    UnmadeDatabase keys(call, call.store, true);
    return run_redis_handler_on(keys, call);
  }
  const auto body = [&](core::Keyspace& step) -> Result<void> {
    UnmadeDatabase keys(call, step, false);
    keys.look_again();
    run_redis_handler_on(keys, call);
    return {};
  };
  const auto ticket = call.store.atomically_on_all(call.now, body);
  if (ticket) return call.rests_on(*ticket);
  call.reply.error(ticket.error());
}

}  // namespace appmem::commands
