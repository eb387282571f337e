#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "appmem/base/memory_budget.h"
#include "appmem/base/shared_bytes.h"
#include "appmem/core/keyspace.h"
#include "moment_listener.h"

namespace appmem::core {

/// What a reader of one moment wants to know, and what is known of it so far: keys, found by hash,
/// and for each what its entry was. The reader tells what it finds; whoever changes an entry before
/// that tells what it was.
///
/// Thread safety: preparing it and looking at what is known are the owner's, while nobody else
/// knows of the record. In between, what concerns a key is serialised by the lock of the shard in
/// which that key lives; what keys have in common, by a mutex of its own (behind which only the
/// blob pool's is taken).
class MomentRecord final : public MomentListener {
 public:
  /// Memory for what `keys` take; all of it is charged.
  static std::size_t memory_bytes_for(std::span<const std::string_view> keys);

  /// `memory` has memory_bytes_for(keys) bytes. `budget` and `blobs` are borrowed.
  MomentRecord(std::span<const std::string_view> keys, SharedBytes memory, MemoryBudget& budget,
               BlobPool& blobs);
  MomentRecord(const MomentRecord&) = delete;
  MomentRecord& operator=(const MomentRecord&) = delete;
  ~MomentRecord() override;

  [[nodiscard]] std::size_t size() const { return size_; }
  [[nodiscard]] std::string_view key(std::size_t index) const {
    return {keys_ + offsets_[index], offsets_[index + 1] - offsets_[index]};
  }
  [[nodiscard]] std::uint64_t hash(std::size_t index) const { return items_[index].hash; }
  /// Room for the order in which the keys are read; the owner's, uninitialised.
  [[nodiscard]] std::span<std::uint32_t> order() const { return {order_, size_}; }

  /// Files the next key, which has this hash.
  void file(std::uint64_t hash);
  /// Forgets what is known of the keys from `begin` to `end`.
  void forget(std::size_t begin, std::size_t end);
  /// And what is kept of all of them.
  void forget_kept();

  // --- while others know of it ---

  /// Nothing is known yet of the key. Of one that was named before, that one is asked.
  [[nodiscard]] bool is_open(std::size_t index) const {
    return items_[index].state == State::kOpen;
  }
  /// The entry of the key at the moment (null: there was none) has been found.
  void close(std::size_t index, const EntryView* entry);
  /// What the key has or had (null: nothing) is about to change.
  void before_change(std::uint64_t hash, std::string_view key, const EntryView* entry) override;
  /// Offers memory for small values. Takes it if it needs any soon.
  void offer(SharedBytes piece);
  [[nodiscard]] bool wants_memory() const;

  // --- what is known ---

  [[nodiscard]] std::optional<EntryView> entry(std::size_t index) const;
  [[nodiscard]] std::size_t found() const { return found_; }
  [[nodiscard]] std::size_t found_keys() const { return found_keys_; }
  /// A value could not be kept. At any time.
  [[nodiscard]] bool lacks_memory() const;
  /// At any time.
  [[nodiscard]] std::uint64_t value_bytes() const;
  [[nodiscard]] std::size_t memory_bytes() const;

  // What the reader decides before others know of the record.
  bool keeps_values = true;
  std::uint64_t value_bytes_max = UINT64_MAX;
  /// Entries whose deadline is not after it have ended.
  TimePoint moment{};

 private:
  enum class State : std::uint8_t { kOpen, kAbsent, kFound, kNamedBefore };

  struct Item {
    std::uint64_t hash;
    Version version;
    union {
      std::int64_t integer;
      const char* bytes;
      const SharedBytes* shared;
      std::size_t first;  // of kNamedBefore
    };
    std::uint32_t value_bytes;
    std::uint32_t mentions;  // how often the key is named
    State state;
    ValueKind kind;
    bool large;
  };

  /// Memory for small values.
  struct Piece {
    SharedBytes large{};
    std::unique_ptr<char[]> small{};
    std::size_t small_bytes = 0;
  };

  [[nodiscard]] Item* find(std::uint64_t hash, std::string_view key) const;
  void keep_value(Item& item, const ValueView& value);
  /// Null when there is no memory.
  char* room_for(std::size_t bytes);
  void take_piece(Piece piece, std::span<char> memory);
  void release_pieces();

  MemoryBudget& budget_;
  BlobPool& blobs_;
  SharedBytes memory_;
  std::size_t size_ = 0;
  std::size_t filed_ = 0;
  // In memory_:
  Item* items_ = nullptr;
  std::uint32_t* slots_ = nullptr;  // positions + 1, by hash; 0: empty
  std::uint32_t* offsets_ = nullptr;
  std::uint32_t* order_ = nullptr;
  char* keys_ = nullptr;
  std::size_t slot_mask_ = 0;

  mutable std::mutex kept_mutex_;
  // Protected by it while others know of the record:
  std::vector<Piece> pieces_;
  std::span<char> free_;  // of the latest piece
  std::deque<SharedBytes> shared_;
  std::size_t charged_bytes_ = 0;  // pieces that are not large values
  std::size_t piece_bytes_ = 0;
  std::uint64_t value_bytes_ = 0;
  bool lacks_memory_ = false;
  std::size_t found_ = 0;
  std::size_t found_keys_ = 0;
};

}  // namespace appmem::core
