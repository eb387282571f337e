#pragma once

#include <cstdint>
#include <string_view>

#include "appmem/core/keyspace.h"

namespace appmem::core {

/// Somebody who reads a namespace as it was at one moment: whoever is about to change an entry
/// tells what it was. Of the namespace's list; written with all shards locked, read with any.
class MomentListener {
 public:
  MomentListener() = default;
  MomentListener(const MomentListener&) = delete;
  MomentListener& operator=(const MomentListener&) = delete;
  virtual ~MomentListener() = default;

  /// What the key has (null: nothing) is about to change. Called with its shard locked.
  virtual void before_change(std::uint64_t hash, std::string_view key, const EntryView* entry) = 0;

  MomentListener* next = nullptr;
  /// The namespace was cleared or dropped before all was known, and does not know the listener.
  bool broken = false;
};

}  // namespace appmem::core
