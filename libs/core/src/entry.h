#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <new>
#include <optional>
#include <string_view>
#include <utility>

#include "appmem/base/shared_bytes.h"
#include "appmem/base/time.h"
#include "appmem/base/value.h"
#include "appmem/core/mutation_sink.h"

namespace appmem::core {

/// What decides how an entry is laid out and how long its block is.
struct EntryShape {
  std::size_t key_bytes = 0;
  /// Of kBytes and kJson, when the value lies in the block.
  std::size_t value_bytes = 0;
  ValueKind kind = ValueKind::kBytes;
  bool deadline = false;      // has room for a deadline
  bool log_position = false;  // durable
  bool large = false;         // the value is a SharedBytes

  /// Length of the block.
  [[nodiscard]] std::size_t bytes() const;
  /// Where the value begins.
  [[nodiscard]] std::size_t value_offset() const;
};

/// An entry: one contiguous block of an arena. This class is a pointer to one.
///
///   0  u32  tick of the latest access; under s3fifo, of when it was queued
///   4  u48  version, less the store's floor
///  10  u48  table slot id (11 bits), key length (8; 255: see below), value length (19), flags (10)
///  16       optional fields, each only where its flag is set, in this order:
///           deadline (48 bits, milliseconds since the store's epoch) and its wheel bucket (16),
///           log position (64), lease (64), key length (32)
///   …       key, then value: bytes as they are; an integer in 8 bytes; a large value as a
///           SharedBytes at the next multiple of 8; a cold one (to come) as nothing but its log
///           position
///
/// Fields are not aligned for their type except the tick, so they are read and written by memcpy.
/// Thread safety: none; the owner of the arena serialises every call.
class Entry {
 public:
  /// Deadlines are stored in milliseconds since the store's epoch; this one means never.
  static constexpr std::uint64_t kNever = (std::uint64_t{1} << 48U) - 1;
  static constexpr std::uint64_t kVersionMax = (std::uint64_t{1} << 48U) - 1;
  /// Ids of tables: one for each namespace's home and one for its share of a shard.
  static constexpr std::size_t kTableIds = std::size_t{1} << 11U;

  explicit Entry(char* block) : block_(block) {}

  /// Lays an entry out in `block`, which has room for `shape`. The value is not yet there.
  static Entry create(char* block, const EntryShape& shape, std::uint16_t table_id,
                      std::string_view key);
  /// Gives back what the entry holds outside its block.
  void destroy() {
    if (large()) shared().~SharedBytes();
  }

  [[nodiscard]] std::uint32_t tick() const { return load<std::uint32_t>(0); }
  void set_tick(std::uint32_t tick) { store(0, tick); }

  [[nodiscard]] std::uint64_t version() const {
    return load<std::uint32_t>(4) | (meta() & kVersionHighMask) << 32U;
  }
  void set_version(std::uint64_t version) {
    store(4, static_cast<std::uint32_t>(version));
    set_meta((meta() & ~kVersionHighMask) | version >> 32U);
  }

  [[nodiscard]] std::uint16_t table_id() const {
    return static_cast<std::uint16_t>(field(kTableIdShift, kTableIdBits));
  }
  void set_table_id(std::uint16_t id) { set_field(kTableIdShift, kTableIdBits, id); }

  /// Where s3fifo keeps the entry, and how often it was used there; nothing under any other policy.
  struct Standing {
    bool main = false;
    std::uint8_t uses = 0;
  };
  static constexpr std::uint8_t kUsesMax = 3;
  [[nodiscard]] Standing standing() const {
    const std::uint64_t meta = this->meta();
    return {.main = (meta >> kMainShift & 1U) != 0,
            .uses = static_cast<std::uint8_t>(meta >> kUsesShift & kUsesMax)};
  }
  void set_standing(Standing standing) {
    set_field(kUsesShift, kUsesBits + 1, standing.uses | std::uint64_t{standing.main} << kUsesBits);
  }
  [[nodiscard]] bool in_main() const { return field(kMainShift, 1) != 0; }
  /// Counts one more use, up to kUsesMax; then it writes nothing.
  void count_use() {
    const std::uint64_t meta = this->meta();
    if ((meta >> kUsesShift & kUsesMax) != kUsesMax) {
      set_meta(meta + (std::uint64_t{1} << kUsesShift));
    }
  }

  [[nodiscard]] ValueKind kind() const {
    return static_cast<ValueKind>(field(kKindShift, kKindBits));
  }
  [[nodiscard]] bool large() const { return field(kLargeShift, 1) != 0; }
  [[nodiscard]] bool durable() const { return field(kLogShift, 1) != 0; }

  /// Whether there is room for a deadline; kNever may stand in it.
  [[nodiscard]] bool has_deadline_field() const { return field(kDeadlineShift, 1) != 0; }
  [[nodiscard]] std::uint64_t deadline() const {
    return has_deadline_field() ? load<std::uint64_t>(kHeaderBytes) & kNever : kNever;
  }
  void set_deadline(std::uint64_t deadline) {
    const auto word = load<std::uint64_t>(kHeaderBytes);
    store(kHeaderBytes, (word & ~kNever) | deadline);
  }
  /// The wheel's bucket in which the entry is filed. Only where there is a deadline field.
  [[nodiscard]] std::uint16_t bucket() const { return load<std::uint16_t>(kHeaderBytes + 6); }
  void set_bucket(std::uint16_t bucket) { store(kHeaderBytes + 6, bucket); }

  [[nodiscard]] CommitTicket log_position() const {
    return durable() ? load<CommitTicket>(log_offset()) : 0;
  }
  void set_log_position(CommitTicket ticket) {
    if (durable()) store(log_offset(), ticket);
  }

  [[nodiscard]] std::string_view key() const {
    const std::size_t offset = key_offset();
    return {block_ + offset, key_bytes(offset)};
  }
  /// Views into the block, or a reference to its SharedBytes.
  [[nodiscard]] ValueView value() const {
    ValueView view;
    view.kind = kind();
    if (large()) [[unlikely]] {
      const SharedBytes& value = shared();
      view.bytes = value.view();
      view.shared = &value;
    } else if (view.kind == ValueKind::kInteger) {
      view.integer = integer();
    } else {
      view.bytes = {block_ + value_offset(), field(kValueShift, kValueBits)};
    }
    return view;
  }
  [[nodiscard]] std::size_t value_bytes() const;
  [[nodiscard]] std::int64_t integer() const { return load<std::int64_t>(value_offset()); }
  [[nodiscard]] SharedBytes& shared() const {
    return *std::launder(reinterpret_cast<SharedBytes*>(block_ + value_offset()));
  }

  void set_integer(std::int64_t integer);
  void set_bytes(std::string_view bytes);
  /// Bytes of the value from `offset` on. What was beyond its end, at `end`, and is not written
  /// becomes zeros. The value grows where it has to. Precondition: the block has room.
  void patch_bytes(std::size_t end, std::size_t offset, std::string_view bytes);
  /// `shape` was for a large value: takes a share of `value`.
  void set_shared(const SharedBytes& value);

  [[nodiscard]] EntryShape shape() const;

 private:
  static constexpr std::size_t kHeaderBytes = 16;
  static constexpr std::size_t kMetaOffset = 8;
  static constexpr std::size_t kLongKey = 255;
  // Fields of the word at kMetaOffset.
  static constexpr std::uint64_t kVersionHighMask = 0xffff;
  static constexpr unsigned kTableIdShift = 16;
  static constexpr unsigned kTableIdBits = 11;
  static constexpr unsigned kKeyShift = 27;
  static constexpr unsigned kKeyBits = 8;
  static constexpr unsigned kValueShift = 35;
  static constexpr unsigned kValueBits = 19;
  static constexpr unsigned kKindShift = 54;
  static constexpr unsigned kKindBits = 2;
  static constexpr unsigned kDeadlineShift = 56;
  static constexpr unsigned kLogShift = 57;
  static constexpr unsigned kLeaseShift = 58;
  static constexpr unsigned kLargeShift = 59;
  // 60: the value is only a log position (to come).
  static constexpr unsigned kUsesShift = 61;
  static constexpr unsigned kUsesBits = 2;
  static constexpr unsigned kMainShift = kUsesShift + kUsesBits;

  friend struct EntryShape;

  template <typename T>
  [[nodiscard]] T load(std::size_t offset) const {
    T value;
    std::memcpy(&value, block_ + offset, sizeof value);
    return value;
  }
  template <typename T>
  void store(std::size_t offset, T value) {
    std::memcpy(block_ + offset, &value, sizeof value);
  }
  [[nodiscard]] std::uint64_t meta() const { return load<std::uint64_t>(kMetaOffset); }
  void set_meta(std::uint64_t meta) { store(kMetaOffset, meta); }
  [[nodiscard]] std::uint64_t field(unsigned shift, unsigned bits) const {
    return meta() >> shift & ((std::uint64_t{1} << bits) - 1);
  }
  void set_field(unsigned shift, unsigned bits, std::uint64_t value) {
    const std::uint64_t mask = ((std::uint64_t{1} << bits) - 1) << shift;
    set_meta((meta() & ~mask) | value << shift);
  }

  [[nodiscard]] std::size_t log_offset() const {
    return kHeaderBytes + (has_deadline_field() ? 8 : 0);
  }
  [[nodiscard]] std::size_t key_offset() const {
    const std::uint64_t meta = this->meta();
    return kHeaderBytes + (meta >> kDeadlineShift & 1U) * 8 + (meta >> kLogShift & 1U) * 8 +
           (meta >> kLeaseShift & 1U) * 8 +
           ((meta >> kKeyShift & kLongKey) == kLongKey ? std::size_t{4} : 0);
  }
  [[nodiscard]] std::size_t key_bytes(std::size_t key_offset) const {
    const std::uint64_t bytes = field(kKeyShift, kKeyBits);
    return bytes == kLongKey ? load<std::uint32_t>(key_offset - 4) : bytes;
  }
  [[nodiscard]] std::size_t value_offset() const {
    const std::size_t key = key_offset();
    const std::size_t offset = key + key_bytes(key);
    return large() ? align_for_shared(offset) : offset;
  }
  static constexpr std::size_t align_for_shared(std::size_t offset) {
    constexpr std::size_t kAlignment = alignof(SharedBytes);
    static_assert(kAlignment <= 8, "blocks are aligned to 8 bytes");
    return (offset + kAlignment - 1) / kAlignment * kAlignment;
  }

  char* block_;
};

}  // namespace appmem::core
