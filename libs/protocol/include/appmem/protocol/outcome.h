#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>

#include "appmem/base/time.h"
#include "appmem/protocol/reply.h"

namespace appmem::protocol {

/// How far jobs may go in one turn: about this many units (entries looked at, items written). Each
/// takes what it has done from what is left.
struct TurnBudget {
  std::size_t steps = 2'000;
};

/// The rest of a request that does not end in one turn. Owns all it needs: the request's views are
/// gone when it runs. While it runs, its connection executes nothing else and all others go on.
/// A job only composes an answer: it is destroyed when nobody is left to read that, wherever it is.
class Job {
 public:
  Job() = default;
  Job(const Job&) = delete;
  Job& operator=(const Job&) = delete;
  virtual ~Job() = default;

  /// Does work until `budget` is used up, and goes on writing the answer that the handler began.
  /// Returns true when the answer is complete. Precondition: there is some budget.
  virtual bool run(Reply& reply, const Instant& now, TurnBudget& budget) = 0;

  /// Whether it writes its answer. Before that it may still turn all of it into an error; none of
  /// it leaves, and the job is run however many answers before its own wait to be read.
  [[nodiscard]] virtual bool answering() const { return true; }

  /// What its answer rests on so far: none of it may leave before that is committed.
  [[nodiscard]] virtual std::uint64_t ticket() const { return 0; }

  /// Whether it can do nothing until something is committed: it is run again after that (see
  /// Server::notify_committed).
  [[nodiscard]] virtual bool waiting() const { return false; }

  /// What it holds of the memory budget for its connection, beside the answer.
  [[nodiscard]] virtual std::size_t memory_bytes() const { return 0; }
};

/// What became of a request.
struct Outcome {
  enum class Progress : std::uint8_t {
    kDone,      // the answer is complete
    kParked,    // complete
    kContinue,  // `job` goes on in later turns
  };
  Progress progress = Progress::kDone;
  /// Not 0: nothing of the answer may leave before it is committed.
  std::uint64_t ticket = 0;
  std::unique_ptr<Job> job = nullptr;
  /// Send the answer, then close (client.kill of itself, shutdown, a protocol error).
  bool close = false;

  static Outcome done() { return {}; }
  static Outcome parked(std::uint64_t ticket) {
    return {Progress::kParked, ticket, nullptr, false};
  }
  static Outcome later(std::unique_ptr<Job> job) {
    return {Progress::kContinue, 0, std::move(job), false};
  }
};

}  // namespace appmem::protocol
