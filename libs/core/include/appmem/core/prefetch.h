#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "appmem/core/namespace.h"

namespace appmem::core {

class Store;

/// Asks the processor for what the next operations on many keys will read, so that a miss of its
/// caches costs them together about what it costs one. It takes two steps, since what a slot of a
/// table refers to is known only when the slot is there: the slots of a few keys are asked for as
/// soon as the keys are known, their entries when the slots of the next few have been. What the
/// caller does meanwhile is what the memory's delay hides behind.
///
/// Changes nothing, and does nothing for keys whose shard somebody else is using, nor for a single
/// key.
/// Thread safety: none; each thread has its own. Lifetime: borrows the store.
class Prefetch {
 public:
  explicit Prefetch(Store& store) : store_(store) {}

  /// Another key, which need not outlive the call.
  void add(NamespaceId ns, std::string_view key);
  /// No more keys: asks for whatever has not been asked for.
  void finish();

 private:
  friend class Store;

  /// As many as a core can wait for at the same time, or a little fewer.
  static constexpr std::size_t kGroup = 8;
  /// Where a key lived when it was added.
  struct Key {
    std::uint16_t shard;
    std::uint16_t table_id;
    std::uint32_t table_hash;
  };
  struct Group {
    std::array<Key, kGroup> keys{};
    std::size_t count = 0;
  };

  /// Asks for the slots of what is gathered, and for the entries of the group before it.
  void advance();

  Store& store_;
  std::array<Group, 2> groups_;
  /// Which of them is being gathered; of the other one the slots have been asked for.
  std::size_t gathered_ = 0;
};

}  // namespace appmem::core
