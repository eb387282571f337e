#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

#include "appmem/base/time.h"

namespace appmem::daemon {

/// Lets so many events of one name pass in a second, and counts the others. Thread safety: all.
class RateLimiter {
 public:
  static constexpr std::size_t kEventsPerSecondMax = 5;

  /// How many of this name were left out since the last one that passed; nothing when this one is
  /// left out too. Names are a program's own, hence few.
  std::optional<std::uint64_t> admit(std::string_view name, TimePoint now) {
    const std::lock_guard lock(mutex_);
    auto found = recent_.find(name);
    if (found == recent_.end()) found = recent_.emplace(std::string(name), Recent{now}).first;
    Recent& recent = found->second;
    if (now - recent.second_began >= std::chrono::seconds{1}) {
      recent.second_began = now;
      recent.passed = 0;
    }
    if (recent.passed == kEventsPerSecondMax) {
      ++recent.left_out;
      return std::nullopt;
    }
    ++recent.passed;
    return std::exchange(recent.left_out, 0);
  }

 private:
  struct Recent {
    TimePoint second_began;
    std::size_t passed = 0;
    std::uint64_t left_out = 0;
  };
  std::mutex mutex_;
  std::map<std::string, Recent, std::less<>> recent_;  // guarded by mutex_
};

}  // namespace appmem::daemon
