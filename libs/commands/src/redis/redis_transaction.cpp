#include "redis_transaction.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <unordered_set>
#include <utility>
#include <vector>

#include "appmem/base/check.h"
#include "appmem/base/limits.h"
#include "appmem/base/units.h"
#include "redis_databases.h"
#include "redis_dispatch.h"
#include "redis_handlers.h"
#include "redis_keys.h"

/// Transactions. EXEC locks all keys that its commands name, and those that are watched; or, where
/// one of them touches a whole namespace (FLUSHDB, DBSIZE, SELECT), everything. Only a command that
/// tells about the daemon, or makes and drops partitions, stands for itself, since it takes other
/// locks; and so do KEYS and SCAN where there are many keys, since everybody would wait for them.
namespace appmem::commands {
namespace {

using protocol::RedisReply;
using protocol::RedisSpec;

/// Commands that wait for one EXEC, and keys that a connection watches. What both take is bounded
/// by transaction_bytes_max.
constexpr std::size_t kQueuedCommandsMax = 100'000;
constexpr std::size_t kWatchedKeysMax = 1'024;
/// What a watched key takes besides its own bytes: its part of a vector that doubles, and the
/// heap's part of the block that holds it.
constexpr std::size_t kWatchedKeyBytes = 2 * sizeof(WatchedKey) + 2 * sizeof(void*);

/// What is known of a key, so that a change is seen.
Result<WatchedKey> look_at(core::Keyspace& keys, core::NamespaceId ns, std::string_view key,
                           const Instant& now) {
  WatchedKey watched{.ns = ns, .key = std::string(key)};
  auto stats = keys.stats(ns, key, now);
  // A namespace that is gone has nothing in it.
  if (!stats && stats.error().code != ErrorCode::kNotFound) return fail(std::move(stats).error());
  if (stats && *stats) {
    watched.version = (*stats)->version;
    watched.deadline = (*stats)->deadline;
    watched.holder = (*stats)->holder;
  }
  return watched;
}

/// In Redis's words.
void refuse_for_memory(RedisCall& call) {
  refuse_redis(call, {ErrorCode::kOutOfMemory,
                      "command not allowed when used memory > 'maxmemory'.", std::nullopt});
}

/// Where the keys are now that were watched in a database which did not exist.
std::vector<WatchedKey> located(const core::Store& store, std::vector<WatchedKey> watched) {
  for (WatchedKey& each : watched) {
    if (each.ns == kUnmadeDatabase) each.ns = find_redis_database(store, each.database);
  }
  std::erase_if(watched, [](const WatchedKey& each) { return each.ns == kUnmadeDatabase; });
  return watched;
}

bool is_unchanged(core::Keyspace& keys, const WatchedKey& watched, const Instant& now) {
  const auto found = look_at(keys, watched.ns, watched.key, now);
  return found && found->version == watched.version && found->deadline == watched.deadline &&
         found->holder == watched.holder;
}

/// Runs a job to its end within the turn. Returns how many steps it took.
std::size_t finish_job(RedisCall& call) {
  constexpr std::size_t kWithoutEnd = SIZE_MAX / 2;
  std::size_t steps = 0;
  for (bool ended = call.job == nullptr; !ended;) {
    protocol::TurnBudget budget{kWithoutEnd};
    ended = call.job->run(call.reply, call.now, budget);
    steps += kWithoutEnd - budget.steps;
    call.rests_on(call.job->ticket());
  }
  call.job.reset();
  return steps;
}

/// Whether a command's work grows with the keys or the values that there are: it leaves a job.
bool is_long(protocol::RedisId id) {
  using protocol::RedisId;
  return id == RedisId::kKeys || id == RedisId::kScan || id == RedisId::kRandomkey ||
         id == RedisId::kLcs;
}

/// Steps that these may take in a transaction, since all others wait: once they are used up, no
/// more of them are begun. Some 50 ms.
constexpr std::size_t kJobStepsMax = 1'000'000;

/// KEYS and SCAN go over all keys while everything is locked: no more than this many.
constexpr std::uint64_t kListedKeysMax = 100'000;

/// The keys that commands of a transaction may store, looked at as far as that is asked for.
class StoredKeys {
 public:
  /// `queue` is borrowed.
  StoredKeys(const CommandQueue& queue, const CommandQueue::Place& begin)
      : queue_(queue), next_(begin) {}

  /// Whether a command behind the beginning and before `end` may store this key. `end` never goes
  /// back. Where there are many keys, each may be one of them.
  bool before(const CommandQueue::Place& end, std::string_view key) {
    for (; next_ != end && keys_.size() <= kKeysMax; next_ = queue_.behind(next_)) {
      const RedisSpec& spec = queue_.spec(next_);
      const bool renames =
          spec.id == protocol::RedisId::kRename || spec.id == protocol::RedisId::kRenamenx;
      if (!renames && (spec.flags & protocol::kRedisDenyOom) == 0) continue;
      queue_.words(next_, words_);
      positions_.clear();
      append_key_positions(spec, words_.size(), positions_);
      for (std::size_t i = 0; i < positions_.size() && keys_.size() <= kKeysMax; ++i)
        keys_.insert(words_[positions_[i]]);
    }
    return keys_.size() > kKeysMax || keys_.contains(key);
  }

 private:
  static constexpr std::size_t kKeysMax = 10'000;

  const CommandQueue& queue_;
  CommandQueue::Place next_;
  std::vector<std::string_view> words_;
  std::vector<std::size_t> positions_;
  std::unordered_set<std::string_view> keys_;
};

/// Executes the commands of a transaction. They fall into stretches, each of which is atomic.
class Execution {
 public:
  Execution(RedisCall& exec, const CommandQueue& queue) : exec_(exec), queue_(queue) {}

  /// False when a watched key has changed: nothing has been done then.
  bool run(std::span<const WatchedKey> watched) {
    if (!run_stretch(watched)) return false;
    while (next_.number < queue_.size()) {
      run_alone();  // what ended the stretch
      run_stretch({});
    }
    return true;
  }

 private:
  using Place = CommandQueue::Place;

  [[nodiscard]] const RedisSpec& spec(const Place& i) const { return queue_.spec(i); }
  void go_on(Place& i) const { i = queue_.behind(i); }
  [[nodiscard]] bool has_flag(const Place& i, protocol::RedisFlags flag) const {
    return (spec(i).flags & flag) != 0;
  }
  /// Whether the command may run while the keys of others are locked.
  [[nodiscard]] bool fits_a_step(const Place& i) const {
    return spec(i).keys.first != 0 || has_flag(i, protocol::kRedisFree);
  }
  bool stands_alone(const Place& i) {
    const protocol::RedisId id = spec(i).id;
    if (id == protocol::RedisId::kKeys || id == protocol::RedisId::kScan) return lists_much();
    return !fits_a_step(i) && !has_flag(i, protocol::kRedisWhole);
  }
  bool lists_much() {
    if (!keys_) keys_ = exec_.store.store_stats(exec_.now).keys;
    return *keys_ > kListedKeysMax;
  }

  /// Runs all up to the next command that stands alone, so that nobody sees a part of it. False
  /// when a watched key has changed.
  bool run_stretch(std::span<const WatchedKey> watched) {
    // Whether a database exists may change as long as not everything is locked.
    bool whole = exec_.session.redis->unmade_database != 0;
    for (end_ = next_; end_.number < queue_.size() && !stands_alone(end_); go_on(end_))
      whole = whole || has_flag(end_, protocol::kRedisWhole);
    if (!whole) return run_steps(watched);
    bool unchanged = true;
    exec_.store.exclusively([&] { unchanged = run_steps(watched); });
    return unchanged;
  }

  bool run_steps(std::span<const WatchedKey> watched) {
    if (!run_step(watched)) return false;
    while (next_.number < end_.number) {
      const Place begin = next_;
      run_step({});
      if (next_ == begin) run_alone();
    }
    return true;
  }

  /// What became of a step. kChanged: nothing has been done, since a watched key has changed.
  /// kNeedsDatabase: nothing either, since a database is needed after all.
  enum class Step : std::uint8_t { kDone, kChanged, kNeedsDatabase };

  /// Runs the commands that stand next and fit a step, as one. False when a watched key has
  /// changed.
  bool run_step(std::span<const WatchedKey> watched) {
    enter_redis_database(exec_.store, exec_.session);
    if (exec_.session.ns == kUnmadeDatabase) return run_in_empty_database(watched);
    Step step = try_step(watched, Databases::kIfNeeded);
    if (step == Step::kNeedsDatabase) step = try_step(watched, Databases::kAll);
    return step == Step::kDone;
  }

  /// Which databases are made that MOVE and COPY name.
  enum class Databases : std::uint8_t { kIfNeeded, kAll };

  Step try_step(std::span<const WatchedKey> watched, Databases databases) {
    const Place begin = next_;
    std::vector<core::KeyRef> keys;
    for (const WatchedKey& each : watched)
      keys.push_back({each.ns, each.key});
    while (next_.number < end_.number && fits_a_step(next_))
      go_on(next_);
    const core::NamespaceId ns = exec_.session.ns;
    std::vector<std::optional<core::NamespaceId>> targets(next_.number - begin.number);
    std::vector<std::string_view> absent;  // what there would be to put into a new database
    StoredKeys stored(queue_, begin);
    for (Place i = begin; i != next_; go_on(i)) {
      queue_.words(i, words_);
      auto& target = targets[i.number - begin.number];
      const bool always = databases == Databases::kAll;
      target = enter_redis_target(exec_.store, exec_.session, spec(i), words_, exec_.now, !always);
      if (target == kUnmadeDatabase) {
        if (stored.before(i, words_[1])) {
          target =
              enter_redis_target(exec_.store, exec_.session, spec(i), words_, exec_.now, false);
        } else {
          absent.push_back(words_[1]);
        }
      }
      append_redis_keys(spec(i), words_, ns, target, keys);
    }
    Step result = Step::kDone;
    const auto body = [&](core::Keyspace& step) -> Result<void> {
      if (!are_unchanged(step, watched)) {
        result = Step::kChanged;
      } else if (is_any_there(step, ns, absent)) {
        result = Step::kNeedsDatabase;
      }
      if (result != Step::kDone) {
        next_ = begin;
        return {};
      }
      if (!std::exchange(begun_, true)) exec_.reply.array(queue_.size());
      for (Place i = begin; i != next_; go_on(i)) {
        RedisCall call = call_of(i, step);
        call.target = targets[i.number - begin.number];
        run(call);
      }
      return {};
    };
    if (keys.empty()) {
      static_cast<void>(body(exec_.store));
      return result;
    }
    const auto ticket = exec_.store.atomically(keys, exec_.now, body);
    APPMEM_CHECK(ticket);  // the body does not fail, and nothing else does
    exec_.rests_on(*ticket);
    return result;
  }

  /// Whether somebody has put one of these keys there before they were locked.
  bool is_any_there(core::Keyspace& keys, core::NamespaceId ns,
                    std::span<const std::string_view> absent) const {
    return std::any_of(absent.begin(), absent.end(), [&](std::string_view key) {
      const auto stats = keys.stats(ns, key, exec_.now);
      return stats && *stats;
    });
  }

  /// The same in a database that does not exist. Whether a command makes it is known only
  /// afterwards: one at a time, while everything is locked.
  bool run_in_empty_database(std::span<const WatchedKey> watched) {
    if (!are_unchanged(exec_.store, watched)) return false;
    if (!std::exchange(begun_, true)) exec_.reply.array(queue_.size());
    if (next_.number < end_.number && fits_a_step(next_)) run_alone();
    return true;
  }

  bool are_unchanged(core::Keyspace& keys, std::span<const WatchedKey> watched) const {
    return std::all_of(watched.begin(), watched.end(),
                       [&](const WatchedKey& each) { return is_unchanged(keys, each, exec_.now); });
  }

  /// Runs the next command, which does not fit a step, or for which nothing is to be locked.
  void run_alone() {
    enter_redis_database(exec_.store, exec_.session);
    RedisCall call = call_of(next_, exec_.store);
    go_on(next_);
    run(call);
  }

  RedisCall call_of(const Place& i, core::Keyspace& keys) {
    queue_.words(i, words_);
    const RedisContext& context = exec_;
    return {context, exec_.session, keys,        exec_.session.ns,
            spec(i), words_,        exec_.reply, exec_.now};
  }

  void run(RedisCall& call) {
    if (job_steps_ >= kJobStepsMax && is_long(call.spec.id)) {
      return call.reply.failure(
          "ERR KEYS, SCAN, RANDOMKEY and LCS may do no more in this "
          "transaction");
    }
    if (call.ns == kUnmadeDatabase) {
      run_in_unmade_database(call);
    } else {
      run_redis_handler(call);
    }
    job_steps_ += finish_job(call);
    exec_.rests_on(call.ticket);
    if (!call.close) return;
    // As in Redis, the client is told no more, and what stands behind it is executed.
    exec_.close = true;
    exec_.reply.set_silence(RedisReply::Silence::kAll);
  }

  RedisCall& exec_;
  const CommandQueue& queue_;
  std::vector<std::string_view> words_;
  Place next_;
  Place end_;           // of the stretch
  bool begun_ = false;  // the array of replies has been
  std::optional<std::uint64_t> keys_;
  std::size_t job_steps_ = 0;
};

}  // namespace

void queue_redis_command(RedisCall& call) {
  RedisState& state = *call.session.redis;
  // As Redis: EXEC refuses it anyway.
  if (state.refused) return call.reply.status("QUEUED");
  const std::size_t bytes_max = transaction_bytes_max(state.memory.limit());
  auto pushed = CommandQueue::Pushed::kOverLimit;
  if (state.queue.size() < kQueuedCommandsMax && state.watched_bytes < bytes_max) {
    pushed = state.queue.push(call.store, call.now, call.spec, call.words,
                              bytes_max - state.watched_bytes);
  }
  if (pushed == CommandQueue::Pushed::kDone) return call.reply.status("QUEUED");
  state.refused = true;
  state.queue.clear();
  if (pushed == CommandQueue::Pushed::kNoMemory) return refuse_for_memory(call);
  call.reply.failure("ERR a transaction has at most " + std::to_string(kQueuedCommandsMax) +
                     " commands of together " + format_byte_size(bytes_max));
}

void abandon_redis_transaction(RedisState& state, std::string_view why, RedisReply& reply) {
  state.end_transaction();
  constexpr std::string_view kPrefix = "ERR ";
  if (why.starts_with(kPrefix)) why.remove_prefix(kPrefix.size());
  reply.failure("EXECABORT Transaction discarded because of: " + std::string(why));
}

void redis_multi(RedisCall& call) {
  RedisState& state = *call.session.redis;
  if (state.in_transaction) return call.reply.failure("ERR MULTI calls can not be nested");
  state.in_transaction = true;
  call.reply.ok();
}

void redis_discard(RedisCall& call) {
  RedisState& state = *call.session.redis;
  if (!state.in_transaction) return call.reply.failure("ERR DISCARD without MULTI");
  state.end_transaction();
  call.reply.ok();
}

void redis_exec(RedisCall& call) {
  RedisState& state = *call.session.redis;
  if (!state.in_transaction) return call.reply.failure("ERR EXEC without MULTI");
  const bool refused = state.refused;
  const CommandQueue queue = std::move(state.queue);
  const std::vector<WatchedKey> watched = located(call.store, std::move(state.watched));
  const std::size_t watched_bytes = std::exchange(state.watched_bytes, 0);
  state.end_transaction();
  if (refused) {
    call.reply.failure("EXECABORT Transaction discarded because of previous errors.");
  } else {
    call.reply.write_as_a_whole();
    if (!Execution(call, queue).run(watched)) call.reply.null_array();
  }
  state.release_watched(watched_bytes);
}

void redis_watch(RedisCall& call) {
  RedisState& state = *call.session.redis;
  if (state.in_transaction) return call.reply.failure("ERR WATCH inside MULTI is not allowed");
  for (const std::string_view key : call.words.subspan(1)) {
    const auto is_this = [&](const WatchedKey& each) {
      return each.ns == call.ns && each.key == key;
    };
    if (std::any_of(state.watched.begin(), state.watched.end(), is_this)) continue;
    const std::size_t bytes = kWatchedKeyBytes + key.size();
    if (state.watched.size() >= kWatchedKeysMax) {
      return call.reply.failure("ERR a connection watches at most " +
                                std::to_string(kWatchedKeysMax) + " keys");
    }
    const std::size_t bytes_max = transaction_bytes_max(state.memory.limit());
    if (bytes > bytes_max - std::min(bytes_max, state.watched_bytes)) {
      return call.reply.failure("ERR a connection watches keys of together at most " +
                                format_byte_size(bytes_max));
    }
    if (!state.transactions.try_take(bytes)) return refuse_for_memory(call);
    if (!call.store.try_charge(bytes, call.now)) {
      state.transactions.give_back(bytes);
      return refuse_for_memory(call);
    }
    state.watched_bytes += bytes;
    auto watched = look_at(call.keys, call.ns, key, call.now);
    if (!watched) {
      state.release_watched(bytes);
      state.watched_bytes -= bytes;
      return refuse_redis(call, watched.error());
    }
    watched->database = state.unmade_database;
    state.watched.push_back(std::move(*watched));
  }
  call.reply.ok();
}

void redis_unwatch(RedisCall& call) {
  RedisState& state = *call.session.redis;
  if (!state.in_transaction) state.end_transaction();  // within one, the keys are gone already
  call.reply.ok();
}

}  // namespace appmem::commands
