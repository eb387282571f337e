// Random work on a machine that crashes at any file operation: what was acknowledged is there, and
// nothing is half there.

#include <algorithm>
#include <cstdlib>
#include <string>
#include <vector>

#include "storage_fixture.h"
#include "support/environment.h"
#include "support/random.h"

namespace appmem::storage::test {
namespace {

using appmem::test::Random;
using appmem::test::SimulatedFiles;

/// Work on some namespaces with a log, and what they held after each record.
class Workload {
 public:
  Workload(Machine& machine, std::uint64_t seed) : machine_(machine), random_(seed) { note(); }

  /// One change, or an end of a turn, or a checkpoint.
  void step() {
    const Instant now = machine_.clock.now();
    const std::uint64_t choice = random_.below(100);
    if (choice < 30) {
      end_turn();
    } else if (choice < 33) {
      static_cast<void>(machine_.storage->checkpoint());
      acknowledge();
    } else if (choice < 36) {
      make_or_drop(now);
    } else if (const auto found = machine_.store->find_namespace(name())) {
      change(*found, choice, now);
    }
    note();
  }
  void end_turn() {
    machine_.storage->turn_ended();
    acknowledge();
  }
  void acknowledge() { acknowledged_ = std::max(acknowledged_, machine_.storage->committed()); }

  /// What there may be after a crash: the state after the last record that was acknowledged, or
  /// after any later one.
  void expect_one_of_history(const Kept& found) const {
    const auto begin = history_.find(acknowledged_);
    ASSERT_NE(begin, history_.end());
    const bool is_known = std::any_of(begin, history_.end(),
                                      [&](const auto& state) { return state.second == found; });
    if (is_known) return;
    const auto lost = std::find_if(history_.begin(), begin,
                                   [&](const auto& state) { return state.second == found; });
    if (lost != begin) {
      ADD_FAILURE() << "lost: the state is that after record " << lost->first << ", but "
                    << acknowledged_ << " was acknowledged";
    } else {
      EXPECT_EQ(found, begin->second) << "no state of the history: something is half there";
    }
  }
  /// Goes on from what a start has found.
  void restarted() {
    history_.clear();
    note();
    acknowledged_ = machine_.storage->latest();
  }

 private:
  std::string name() { return "w" + std::to_string(random_.below(3)); }
  std::string key() { return "k" + std::to_string(random_.below(12)); }
  std::string value() {
    const std::uint64_t kind = random_.below(20);
    const std::size_t bytes = kind == 0 ? 270'000 : kind < 4 ? 3000 : random_.below(60);
    return std::string(bytes, static_cast<char>('a' + random_.below(26)));
  }
  void note() { history_[machine_.storage->latest()] = machine_.kept(); }

  void make_or_drop(const Instant& now) {
    const std::string chosen = name();
    const auto found = machine_.store->find_namespace(chosen);
    if (!found) {
      if (!machine_.storage->prepare()) return;
      static_cast<void>(machine_.store->create_namespace(
          chosen, {.persist = core::Persistence::kWal, .eviction = core::Eviction::kNone}, now));
    } else if (random_.below(3) == 0) {
      static_cast<void>(machine_.store->drop_namespace(*found, now));
    } else if (random_.below(2) == 0) {
      static_cast<void>(machine_.store->clear_namespace(*found, now));
    } else {
      auto settings = machine_.store->namespace_settings(*found);
      settings->max_keys = 1000 + random_.below(1000);
      static_cast<void>(machine_.store->alter_namespace(*found, *settings, now));
    }
  }

  void change(core::NamespaceId ns, std::uint64_t choice, const Instant& now) {
    const std::string chosen = key();
    if (choice < 65) {
      core::SetOptions options;
      if (random_.below(3) == 0) {
        options.expiry = {core::Expiry::Mode::kAt, now.mono + 1h + milliseconds{random_.below(99)}};
      }
      const std::string bytes = value();
      static_cast<void>(
          machine_.store->set(ns, chosen, ValueView::from_bytes(bytes), options, now));
    } else if (choice < 72) {
      static_cast<void>(machine_.store->remove(ns, chosen, {}, now));
    } else if (choice < 78) {
      static_cast<void>(machine_.store->increment(ns, chosen, {.by = 3}, now));
    } else if (choice < 84) {
      static_cast<void>(machine_.store->patch(ns, chosen, {.bytes = "more"}, now));
    } else if (choice < 90) {
      static_cast<void>(machine_.store->expire(
          ns, chosen, {.expiry = {core::Expiry::Mode::kAt, now.mono + 2h}}, now));
    } else {
      change_together(ns, now);
    }
  }

  /// Several keys, some of them in another namespace: all of it or nothing.
  void change_together(core::NamespaceId ns, const Instant& now) {
    const auto other = machine_.store->find_namespace(name()).value_or(ns);
    std::vector<std::string> keys;
    keys.reserve(4);
    for (int i = 0; i < 4; ++i)
      keys.push_back(key());
    std::vector<core::KeyRef> refs;
    refs.reserve(keys.size());
    for (std::size_t i = 0; i < keys.size(); ++i)
      refs.push_back({i % 2 == 0 ? ns : other, keys[i]});
    const std::string bytes = value();
    const auto body = [&](core::Batch& batch) -> Result<void> {
      for (std::size_t i = 0; i < refs.size(); ++i) {
        if (i == 3) {
          if (auto done = batch.remove(refs[i].ns, refs[i].key, {}, now); !done) {
            return fail(done.error());
          }
        } else if (auto done =
                       batch.set(refs[i].ns, refs[i].key, ValueView::from_bytes(bytes), {}, now);
                   !done) {
          return fail(done.error());
        }
      }
      return {};
    };
    static_cast<void>(machine_.store->atomically(refs, now, body));
  }

  Machine& machine_;
  Random random_;
  std::map<std::uint64_t, Kept> history_;
  std::uint64_t acknowledged_ = 0;
};

constexpr int kSteps = 60;
constexpr std::uint64_t kSeeds = 2000;

/// File operations that the work takes when nothing goes wrong.
void run_to_the_end(Machine& machine, Workload& work) {
  for (int i = 0; i < kSteps && !machine.storage->failed(); ++i)
    work.step();
}

class CrashTest : public testing::Test {
 protected:
  static void prepare(Machine& machine, std::uint64_t seed) {
    machine.max_memory_bytes = 16_MiB;
    machine.shards = seed % 2 == 0 ? 1 : 4;
    machine.options.segment_bytes = 2000 + seed % 5 * 3000;
    if (seed % 4 == 1) machine.options.compress_above = kCompressAboveMin;
  }
};

TEST_F(CrashTest, WhatWasAcknowledgedIsThereAndNothingIsHalfThere) {
  const std::uint64_t seeds = kSeeds * appmem::test::test_scale();
  const std::uint64_t first = appmem::test::random_seed(1);
  for (std::uint64_t seed = first; seed < first + seeds && !HasFailure(); ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Random random(seed * 7919);
    Machine machine(std::make_unique<SimulatedFiles>(seed));
    prepare(machine, seed);
    machine.must_start();
    Workload work(machine, seed);
    // Twice over: the second time with a log that has been cut, or has a checkpoint.
    for (int round = 0; round < 2 && !HasFailure(); ++round) {
      machine.files->crash_at(machine.files->operations() + random.below(120));
      run_to_the_end(machine, work);
      machine.crash(random());
      // Some starts crash as well.
      for (int again = 0; again < 2 && random.below(3) == 0; ++again) {
        machine.files->crash_at(machine.files->operations() + random.below(20));
        static_cast<void>(machine.start());
        machine.crash(random());
      }
      machine.must_start();
      if (HasFailure()) break;
      work.expect_one_of_history(machine.kept());
      work.restarted();
    }
  }
}

/// One after the other, each file operation of the same work fails: nothing that was acknowledged
/// is lost, whether the log is resumed or the daemon starts again.
TEST_F(CrashTest, AnyFileOperationMayFail) {
  using Fault = SimulatedFiles::Fault;
  for (const Fault fault : {Fault::kNoSpace, Fault::kInputOutput, Fault::kShortWrite}) {
    for (std::uint64_t n = 0;; ++n) {
      SCOPED_TRACE("fault " + std::to_string(static_cast<int>(fault)) + ", operation " +
                   std::to_string(n));
      Machine machine;
      prepare(machine, 3);
      machine.files->fail_at(n, fault);
      if (!machine.start()) {
        EXPECT_EQ(machine.files->faults(), 1U);
        continue;
      }
      Workload work(machine, 42);
      run_to_the_end(machine, work);
      work.acknowledge();
      if (machine.files->faults() == 0) break;  // all have failed once
      machine.files->heal();
      if (machine.storage->failed() && n % 2 == 0) {
        const auto resumed = machine.storage->checkpoint_state(machine.storage->request_resume());
        ASSERT_TRUE(resumed.result) << resumed.result.error().message;
        run_to_the_end(machine, work);
      }
      work.acknowledge();
      machine.crash(n);
      machine.must_start();
      ASSERT_FALSE(HasFatalFailure());
      work.expect_one_of_history(machine.kept());
      ASSERT_FALSE(HasFailure());
    }
  }
}

}  // namespace
}  // namespace appmem::storage::test
