#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

#include "appmem/base/limits.h"

namespace appmem::core {

/// What a namespace accepts; see the table in docs/protocol.md for what each does with the others.
enum class ValueType : std::uint8_t { kAny, kString, kInt, kJson };

/// What a namespace keeps through a crash.
enum class Persistence : std::uint8_t { kNone, kSnapshot, kWal };

/// Who has to go when memory runs out.
enum class Eviction : std::uint8_t { kLru, kS3Fifo, kNone };

/// Names a namespace for as long as it exists. A dropped namespace's id is never valid again, also
/// when its index is given to another one.
struct NamespaceId {
  std::uint16_t index = 0;
  std::uint32_t generation = 0;
  friend bool operator==(const NamespaceId&, const NamespaceId&) = default;
};

/// The namespace "default", which always exists.
inline constexpr NamespaceId kDefaultNamespace{0, 0};

struct NamespaceSettings {
  ValueType type = ValueType::kAny;
  Persistence persist = Persistence::kNone;
  Eviction eviction = Eviction::kLru;
  /// Ceiling of this namespace's memory; nothing means the store's limit only.
  std::optional<std::uint64_t> max_bytes = std::nullopt;
  /// Nobody else's writes evict this namespace below it.
  std::uint64_t reserved_bytes = 0;
  std::optional<std::uint64_t> max_keys = std::nullopt;
  /// At most kValueBytesMaxCeiling; nothing means the store's limit.
  std::optional<std::uint64_t> max_value_bytes = std::nullopt;
  std::optional<std::chrono::milliseconds> default_ttl = std::nullopt;
  /// The user that made it.
  std::uint32_t owner_uid = 0;
};

/// Counted since the namespace was made.
struct NamespaceCounters {
  std::uint64_t gets = 0;
  std::uint64_t hits = 0;
  std::uint64_t misses = 0;
  std::uint64_t sets = 0;     // every write of a value: set, incr, append
  std::uint64_t deletes = 0;  // keys that a delete removed
  std::uint64_t evictions = 0;
  std::uint64_t expirations = 0;
  std::uint64_t refused = 0;  // writes refused by a limit or for lack of memory
};

struct NamespaceInfo {
  NamespaceId id{};
  std::string name;
  NamespaceSettings settings{};
  std::uint64_t keys = 0;
  /// How many of them have a deadline.
  std::uint64_t deadlines = 0;
  /// Keys and values.
  std::uint64_t bytes = 0;
  /// Entries as really allocated, and the table.
  std::uint64_t memory = 0;
  NamespaceCounters counters{};
};

}  // namespace appmem::core
