#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "appmem/base/shared_bytes.h"
#include "appmem/base/time.h"
#include "appmem/core/keyspace.h"
#include "appmem/core/mutation_sink.h"
#include "arena.h"
#include "namespace_part.h"

namespace appmem::core {

class Shard;

/// What an atomic step of several operations has changed, in order, so that it can be undone, or
/// told to the sink as one. Blocks that were replaced or removed live until either happens.
/// Protected by the locks of all shards in it.
struct Journal {
  enum class Kind : std::uint8_t {
    kSet,
    kExpire,  // another deadline, the same value
    kDelete,
    kExpired,  // removed because its deadline had passed; the sink is not told
  };
  struct Record {
    Shard* shard = nullptr;
    NamespacePart* part = nullptr;
    std::uint32_t table_hash = 0;
    Kind kind = Kind::kSet;
    std::string_view key;
    Handle before = kNoHandle;
    Handle after = kNoHandle;
  };

  /// A block of `shard` has been moved: the records that name it follow. Constant time, however
  /// many records there are.
  void moved(const Shard* shard, Handle from, Handle to);

  /// Forgets the last record, which has been undone.
  void pop();

  std::vector<Record> records;
  /// The sink has agreed to take changes in this step.
  bool admitted = false;

 private:
  /// Records by the handles in them; made at the first move, and again where records were added.
  std::unordered_multimap<Handle, std::size_t> by_handle_;
  std::size_t indexed_ = 0;
};

/// What a patch makes of a value that is or becomes large: the parts, to be put together without
/// the lock.
struct LargePatch {
  std::string head;        // of a value in a block
  SharedBytes shared;      // or of a large one
  std::size_t length = 0;  // of what is made of it
  Version version = 0;     // of the entry; 0 when there is none

  /// Writes it to `out`, `length` zeros.
  void compose(const Patch& patch, std::span<char> out) const;
};

/// What an operation is part of, and what it leaves for whoever called it.
struct Step {
  /// Room that the shard could not make by itself.
  struct Room {
    bool wanted = false;
    std::size_t bytes = 0;
    NamespaceState* writer = nullptr;
    /// The writer is at its own ceiling: only its own entries help.
    bool own_ceiling = false;
  };

  const Instant& now;
  /// Not null: one of several operations that take effect together.
  Journal* journal = nullptr;
  Room room{};
  /// Nobody else's shards can be used: take what is here.
  bool local_only = false;
  /// It puts back what storage has: an entry whose deadline has passed may be given another by what
  /// comes later, and goes only where the shard finds no other room.
  bool restoring = false;
  /// Not null: a patch that would copy a large value changes nothing and tells here what it would
  /// do.
  std::optional<LargePatch>* large_patch = nullptr;
};

}  // namespace appmem::core
