#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <mutex>
#include <optional>
#include <span>

#include "appmem/base/limits.h"
#include "appmem/base/time.h"
#include "appmem/core/mutation_sink.h"
#include "record.h"

namespace appmem::storage {

/// Changes that the store has made and that are not yet in a file, in the order of their sequence
/// numbers; and which number each namespace has in the log.
/// Thread safety: all functions, from any thread.
class PendingLog {
 public:
  explicit PendingLog(std::uint64_t compress_above = kCompressNever) : records_(compress_above) {}

  /// Puts a record behind the others. Returns its sequence number.
  std::uint64_t append(std::span<const core::Mutation> mutations, const Instant& now);

  /// Moves all that is there to `records` (which is empty). Returns the last one's sequence number;
  /// nothing when there is none.
  std::optional<std::uint64_t> take(RecordBuffer& records);
  /// The same, but nothing where a value is to be compressed.
  std::optional<std::uint64_t> take_if_plain(RecordBuffer& records);

  /// Forgets what is there. Returns the latest record's sequence number; the next one follows it.
  std::uint64_t discard();

  /// The sequence number of the latest record, whether it is in a file or not.
  [[nodiscard]] std::uint64_t latest() const { return latest_.load(std::memory_order_acquire); }
  /// Bytes that wait to be taken.
  [[nodiscard]] std::uint64_t bytes() const { return bytes_.load(std::memory_order_relaxed); }

  [[nodiscard]] std::optional<NamespaceNumber> number_of(core::NamespaceId ns) const;
  /// The record since when it is what it is: made, cleared or altered. 0: from before the start.
  [[nodiscard]] std::uint64_t begun_at(NamespaceNumber number) const;
  /// A namespace that had entries has got a log since the last checkpoint began.
  [[nodiscard]] bool owes_checkpoint() const { return owes_checkpoint_.load(); }
  void checkpoint_begins() { owed_before_ = owes_checkpoint_.exchange(false); }
  void checkpoint_failed() {
    if (owed_before_) owes_checkpoint_.store(true);
  }
  /// Whether a namespace has it now.
  [[nodiscard]] bool has_number(NamespaceNumber number) const;

  // --- at the start ---
  /// The next record gets the number behind it.
  void begin_after(std::uint64_t sequence);
  /// `begun`: see begun_at().
  void set_number(core::NamespaceId ns, NamespaceNumber number, std::uint64_t begun);
  void forget_number(core::NamespaceId ns);
  /// New namespaces get numbers from here on.
  void number_from(NamespaceNumber next);
  [[nodiscard]] NamespaceNumber next_number() const;

 private:
  struct Number {
    std::uint32_t generation = 0;
    std::optional<NamespaceNumber> number;
    std::uint64_t begun = 0;
  };
  void add(const core::Mutation& mutation, const Instant& now);
  void describe(const core::Mutation& mutation);
  /// With the mutex locked.
  std::optional<std::uint64_t> take_all(RecordBuffer& records);
  /// Precondition: it has one.
  [[nodiscard]] NamespaceNumber known(core::NamespaceId ns) const;

  mutable std::mutex mutex_;
  RecordBuffer records_;
  NamespaceNumber next_number_ = 1;
  std::array<Number, kNamespacesMax> numbers_;
  std::atomic<bool> owes_checkpoint_{false};
  bool owed_before_ = false;  // of whoever writes checkpoints
  std::atomic<std::uint64_t> latest_{0};
  std::atomic<std::uint64_t> bytes_{0};
};

}  // namespace appmem::storage
