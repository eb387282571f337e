#pragma once

#include <cstdint>
#include <string_view>

namespace appmem::core {

/// One past every hash and every position: where a namespace's keys end.
inline constexpr std::uint64_t kHashEnd = UINT64_MAX;

/// Below kHashEnd. XXH3, seeded, so that nobody outside can prepare keys that collide. Each
/// namespace makes an order of its own of it: NamespaceState::position_of().
std::uint64_t hash_key(std::string_view key, std::uint64_t seed);

/// How the order of positions is cut into 2^bits shards. Both the tables of a namespace that lives
/// in one shard and the tables of one that is spread keep this order.
struct HashSplit {
  unsigned bits = 0;

  /// The shard of a key of a spread namespace.
  [[nodiscard]] std::size_t shard_of(std::uint64_t position) const {
    return bits == 0 ? 0 : static_cast<std::size_t>(position >> (64 - bits));
  }
  /// The first position of the next shard; kHashEnd after the last.
  [[nodiscard]] std::uint64_t shard_end(std::size_t shard) const {
    const std::uint64_t next = shard + 1;
    return bits == 0 || next >> bits != 0 ? kHashEnd : next << (64 - bits);
  }
};

/// The bits of a position by which one table is ordered: the 32 after the first `skip`.
struct TableOrder {
  unsigned skip = 0;

  [[nodiscard]] std::uint32_t of(std::uint64_t hash) const {
    return static_cast<std::uint32_t>(hash << skip >> 32U);
  }
  /// The first hash after `hash` for which a table can tell the difference; kHashEnd at the end of
  /// all hashes. (At the end of a shard's range it is the first hash of the next shard.)
  [[nodiscard]] std::uint64_t after(std::uint64_t hash) const {
    const std::uint64_t grain = std::uint64_t{1} << (32 - skip);
    const std::uint64_t next = (hash & ~(grain - 1)) + grain;
    return next == 0 ? kHashEnd : next;
  }
};

}  // namespace appmem::core
