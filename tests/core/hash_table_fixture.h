#pragma once

#include <algorithm>
#include <cstdint>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "hash_table.h"
#include "support/random.h"

namespace appmem::core {

inline constexpr auto kNoLimit = std::uint64_t{1} << 60U;

inline std::uint32_t any_hash(test::Random& random) {
  return static_cast<std::uint32_t>(random());
}

using Entries = std::vector<std::pair<std::uint32_t, Handle>>;

/// What is in the table from `hash` on; handles of one hash in ascending order.
inline Entries contents(const HashTable& table, std::uint32_t hash = 0) {
  Entries all;
  table.for_each_from(hash, [&](std::uint32_t at, Handle handle) {
    all.emplace_back(at, handle);
    return true;
  });
  EXPECT_TRUE(std::is_sorted(all.begin(), all.end(),
                             [](const auto& a, const auto& b) { return a.first < b.first; }));
  std::sort(all.begin(), all.end());
  return all;
}

/// Steps until there is nothing more to do, however often nothing changes; a table for which there
/// always is something fails.
inline void settle(HashTable& table) {
  constexpr int kAtRest = 20;
  for (int at_rest = 0, steps = 0; at_rest < kAtRest; ++steps) {
    ASSERT_LT(steps, 10'000);
    if (!table.step(2'000)) ++at_rest;
  }
}

}  // namespace appmem::core
