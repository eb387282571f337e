#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "appmem/base/error.h"
#include "appmem/base/time.h"
#include "appmem/base/value.h"
#include "appmem/core/namespace.h"

namespace appmem::core {

/// A place in the log. An answer that depends on a mutation may leave once everything up to its
/// ticket is safe; 0 means that there is nothing to wait for. Tickets grow.
using CommitTicket = std::uint64_t;

using Version = std::uint64_t;

/// One change of a durable namespace. Those of entries are told of namespaces with a log (kWal)
/// only. Lifetime: the call that hands it over.
struct Mutation {
  enum class Kind : std::uint8_t { kSet, kDelete, kExpire, kClear, kCreate, kAlter, kDrop };
  Kind kind = Kind::kSet;
  NamespaceId ns{};
  std::string_view key;                              // kSet, kDelete, kExpire
  ValueView value{};                                 // kSet
  Version version = 0;                               // kSet
  std::optional<TimePoint> deadline = std::nullopt;  // kSet, kExpire; nothing means never
  std::string_view name;                             // kCreate
  const NamespaceSettings* settings = nullptr;       // kCreate, kAlter
  bool has_entries = false;                          // kAlter
};

/// Where the store sends the changes of durable namespaces; storage implements it. Called with the
/// shards' locks held, therefore: it only appends to memory, never blocks, never calls back.
/// Thread safety: called from any thread, concurrently for different shards.
class MutationSink {
 public:
  MutationSink() = default;
  MutationSink(const MutationSink&) = delete;
  MutationSink& operator=(const MutationSink&) = delete;
  virtual ~MutationSink() = default;

  /// Asked before anything changes. Errors: kReadOnly or kUnavailable, and then nothing changes.
  virtual Result<void> admit() = 0;

  /// Takes mutations that belong together: one record, all or nothing after a crash.
  virtual CommitTicket append(std::span<const Mutation> mutations, const Instant& now) = 0;

  /// The ticket of the latest record.
  [[nodiscard]] virtual CommitTicket latest() const = 0;

  /// Whether what was written under `ticket` may be shown: once it is committed, and as long as it
  /// may still be. Errors: kUnavailable, when that has failed. Cheap: asked for every entry that is
  /// read.
  [[nodiscard]] virtual Result<void> readable(CommitTicket ticket) const = 0;
};

}  // namespace appmem::core
