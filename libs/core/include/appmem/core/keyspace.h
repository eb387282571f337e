#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "appmem/base/error.h"
#include "appmem/base/function_ref.h"
#include "appmem/base/time.h"
#include "appmem/base/value.h"
#include "appmem/core/mutation_sink.h"
#include "appmem/core/namespace.h"

namespace appmem::core {

/// An entry as a visitor sees it. Lifetime: until the visitor returns; only `value.shared`, where
/// there is one, may be copied and kept.
struct EntryView {
  std::string_view key;
  ValueView value{};
  Version version = 0;
  std::optional<TimePoint> deadline = std::nullopt;
  /// Of its latest change; 0 in a namespace without a log.
  CommitTicket ticket = 0;
};

/// Called under the shard's lock: it may copy and must not call the store.
using EntryVisitor = FunctionRef<void(const EntryView&)>;

/// When an entry ends.
struct Expiry {
  enum class Mode : std::uint8_t {
    kDefault,  // the namespace's default_ttl, else never
    kNever,
    kAt,    // at `at`; a moment that is not after now deletes
    kKeep,  // what the entry had; kDefault where there was none
  };
  Mode mode = Mode::kDefault;
  TimePoint at{};
};

struct Conditions {
  bool if_absent = false;
  bool if_present = false;
  std::optional<Version> if_version = std::nullopt;
};

struct GetOptions {
  /// Gives the entry a new deadline (kAt) or takes it away (kNever) as it is read.
  std::optional<Expiry> touch = std::nullopt;
  /// A look that counts neither as a hit or miss nor as an access (stats, OBJECT, debugging).
  bool peek = false;
};

struct GetOutcome {
  bool found = false;
  CommitTicket ticket = 0;
};

struct SetOptions {
  Expiry expiry{};
  Conditions conditions{};
  /// Called with the entry that is about to be replaced, where there is one, also when a condition
  /// then refuses the write (as Redis's SET GET does).
  const EntryVisitor* old = nullptr;
};

struct SetOutcome {
  Version version = 0;  // 0 when a deadline in the past deleted instead
  bool created = false;
  CommitTicket ticket = 0;
};

struct RemoveOptions {
  std::optional<Version> if_version = std::nullopt;
  const EntryVisitor* old = nullptr;
};

struct RemoveOutcome {
  bool removed = false;
  CommitTicket ticket = 0;
};

struct IncrementOptions {
  std::int64_t by = 1;
  std::int64_t initial = 0;
  std::optional<std::int64_t> min = std::nullopt;
  std::optional<std::int64_t> max = std::nullopt;
  /// Only when the counter is created.
  Expiry expiry{};
};

struct IncrementOutcome {
  std::int64_t value = 0;
  Version version = 0;
  bool created = false;
  CommitTicket ticket = 0;
};

/// Bytes to write over a part of a value. Where they reach beyond its end it grows; what lies
/// between its end and them becomes zeros.
struct Patch {
  std::string_view bytes;
  /// Where they begin; by default at the value's end.
  std::optional<std::size_t> offset = std::nullopt;
};

struct PatchOutcome {
  std::uint64_t length = 0;
  Version version = 0;
  CommitTicket ticket = 0;
};

/// Bit set of conditions on a change of deadline; all that are set must hold (Redis's NX XX GT LT:
/// an entry without a deadline counts as one infinitely far away).
struct ExpireOptions {
  Expiry expiry{};  // kAt or kNever
  bool if_none = false;
  bool if_some = false;
  bool if_longer = false;
  bool if_shorter = false;
};

struct ExpireOutcome {
  bool found = false;
  /// Whether the entry had a deadline before (what PERSIST reports).
  bool had_deadline = false;
  bool deleted = false;  // the deadline was in the past
  CommitTicket ticket = 0;
};

struct EntryStats {
  ValueKind kind = ValueKind::kBytes;
  std::uint64_t value_bytes = 0;
  /// As really allocated, table slot included.
  std::uint64_t memory_bytes = 0;
  std::chrono::milliseconds idle{0};
  std::optional<TimePoint> deadline = std::nullopt;
  Version version = 0;
  /// Changes when the namespace is swapped with another one, whose versions may be the same.
  std::uint16_t holder = 0;
};

/// The operations on single keys. Store does each under its shard's lock; a Batch does them inside
/// one atomic step. Handlers are written against this, so that a batch runs the same code.
///
/// Every operation: an expired entry is absent. `now` must not go backwards by more than a turn of
/// an event loop. Arguments may be views into the store only from within a Batch's own outcome
/// copies, never from a visitor. On failure nothing has changed.
///
/// Errors of all: kNotFound (the namespace is gone), kTooLarge (key over kKeyBytesMax; value over
/// the namespace's limit, which the message names). Of all that write: kOutOfMemory (nothing may be
/// evicted; also over max_keys or max_bytes under eviction `none`), kReadOnly and kUnavailable
/// (from the sink).
class Keyspace {
 public:
  Keyspace() = default;
  Keyspace(const Keyspace&) = delete;
  Keyspace& operator=(const Keyspace&) = delete;
  virtual ~Keyspace() = default;

  /// Shows the entry to `visit`, if there is one. With `touch` it is also a write.
  virtual Result<GetOutcome> get(NamespaceId ns, std::string_view key, const GetOptions& options,
                                 const Instant& now, EntryVisitor visit) = 0;

  /// Stores `value`, replacing entry and deadline. A value with `shared` is adopted, not copied.
  /// Errors: kExists (if_absent), kNotFound (if_present; if_version on a missing key), kConflict
  /// (another version), kWrongType (the namespace's type).
  virtual Result<SetOutcome> set(NamespaceId ns, std::string_view key, const ValueView& value,
                                 const SetOptions& options, const Instant& now) = 0;

  /// Errors: kNotFound (if_version on a missing key), kConflict.
  virtual Result<RemoveOutcome> remove(NamespaceId ns, std::string_view key,
                                       const RemoveOptions& options, const Instant& now) = 0;

  /// Adds to a counter; a missing one becomes initial + by. Accepts an integer or bytes that are a
  /// canonical decimal; leaves an integer (digits in a `string` namespace).
  /// Errors: kNotInteger (bytes that are no integer), kWrongType (a document; a `json` namespace),
  /// kOverflow, kOutOfRange (min, max).
  virtual Result<IncrementOutcome> increment(NamespaceId ns, std::string_view key,
                                             const IncrementOptions& options,
                                             const Instant& now) = 0;

  /// Writes over a part of a value, or behind it. A missing entry counts as an empty one and is
  /// created with the default expiry; an integer becomes bytes. A large value that nobody is being
  /// sent is changed where it lies. Errors: kWrongType (a document; an `int` or `json` namespace),
  /// kTooLarge.
  virtual Result<PatchOutcome> patch(NamespaceId ns, std::string_view key, const Patch& patch,
                                     const Instant& now) = 0;

  /// Changes the deadline only; the version stays. Errors: kConflict (a condition is not met).
  virtual Result<ExpireOutcome> expire(NamespaceId ns, std::string_view key,
                                       const ExpireOptions& options, const Instant& now) = 0;

  /// Runs `body`. In a Batch what it has done is undone when it returns an error, which is
  /// returned; elsewhere each operation stands for itself.
  virtual Result<void> all_or_none(FunctionRef<Result<void>()> body) { return body(); }

  /// What is known about an entry; no access is counted. Nothing when there is none.
  virtual Result<std::optional<EntryStats>> stats(NamespaceId ns, std::string_view key,
                                                  const Instant& now) = 0;
};

}  // namespace appmem::core
