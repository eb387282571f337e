#pragma once

#include <algorithm>
#include <cstddef>
#include <string_view>

namespace appmem::commands {

/// A sliced pass holds a shard's lock for at most about this many steps.
inline constexpr std::size_t kStepsPerLock = 256;

/// What one call of Store::scan may do, taken from the steps of a turn: a step is an entry, and
/// another one for each 64 bytes of its key, because keys are compared or matched.
class Visits {
 public:
  /// `steps` is borrowed; at least one call's worth is taken from it when this dies, so that a turn
  /// ends also where there is nothing to show.
  explicit Visits(std::size_t& steps) : steps_(steps), max_(std::min(steps, kStepsPerLock)) {}
  Visits(const Visits&) = delete;
  Visits& operator=(const Visits&) = delete;
  ~Visits() { steps_ -= std::min(steps_, std::max<std::size_t>(used_, 1)); }

  [[nodiscard]] std::size_t max() const { return max_; }

  /// Counts an entry; false when the call should end.
  bool add(std::string_view key) {
    constexpr std::size_t kKeyBytesPerStep = 64;
    used_ += 1 + key.size() / kKeyBytesPerStep;
    return used_ < max_;
  }

 private:
  std::size_t& steps_;
  const std::size_t max_;
  std::size_t used_ = 0;
};

}  // namespace appmem::commands
