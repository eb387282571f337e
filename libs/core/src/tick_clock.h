#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "appmem/base/time.h"

namespace appmem::core {

/// Counts the accesses of a table and remembers when they happened, so that the 32-bit tick in an
/// entry's header orders entries by use and still tells how long one has been idle.
///
/// It keeps at most kCheckpointsMax pairs of tick and time. While these suffice, answers are exact;
/// then it thins them out, evenly in proportion to their age, and interpolates: the error is then
/// typically a few percent of the age.
///
/// Thread safety: none; the owner serialises every call.
class TickClock {
 public:
  static constexpr std::size_t kCheckpointsMax = 64;

  TickClock() = default;
  /// Counts on from `tick`.
  explicit TickClock(std::uint32_t tick) : tick_(tick) {}

  /// The tick of an access at `now`: the one after the last. Ticks wrap around after 2^32.
  std::uint32_t advance(TimePoint now) {
    ++tick_;
    if (checkpoints_.empty() || now > checkpoints_.back().time) [[unlikely]] {
      add_checkpoint(now);
    }
    return tick_;
  }

  /// Goes on after the latest tick of `other` where that is ahead: entries with its ticks come to
  /// this table.
  void catch_up(const TickClock& other, TimePoint now) {
    if (static_cast<std::int32_t>(other.tick_ - tick_) <= 0) return;
    if (!checkpoints_.empty()) {
      checkpoints_.back().exact = false;
      if (now < checkpoints_.back().time) now = checkpoints_.back().time;
    }
    tick_ = other.tick_;
    add_checkpoint(now);
  }

  /// The tick of the latest access.
  [[nodiscard]] std::uint32_t current() const { return tick_; }

  /// How many accesses ago `tick` was; ticks are compared by their age, as they wrap around.
  [[nodiscard]] std::uint32_t age(std::uint32_t tick) const { return tick_ - tick; }

  /// When `tick`, one that advance() gave out, happened. What lies before the oldest checkpoint
  /// (2^31 accesses ago or more) is given the time of that. Before any access: the epoch of the
  /// clock.
  [[nodiscard]] TimePoint time_at(std::uint32_t tick) const;

  /// Memory besides the object itself.
  [[nodiscard]] std::size_t memory_bytes() const {
    return checkpoints_.capacity() * sizeof(Checkpoint);
  }

 private:
  struct Checkpoint {
    TimePoint time;
    std::uint32_t tick = 0;  // the first at `time`
    /// Every tick up to the next checkpoint happened at `time`.
    bool exact = true;
  };

  void add_checkpoint(TimePoint now);
  void thin_out(TimePoint now);

  std::uint32_t tick_ = 0;
  std::vector<Checkpoint> checkpoints_;  // oldest first
};

}  // namespace appmem::core
