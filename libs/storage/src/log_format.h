#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

/// The constants of the files in a data directory; docs/formats/log.md explains them byte by byte.
/// All numbers are little-endian.
namespace appmem::storage::format {

inline constexpr std::uint32_t kVersion = 1;

// --- files ---

/// "segment-<16 hex digits: the sequence number of its first record>.log"
inline constexpr std::string_view kSegmentPrefix = "segment-";
inline constexpr std::string_view kSegmentSuffix = ".log";
/// "checkpoint-<16 hex digits: the last sequence number that it makes unnecessary>.appmem"
inline constexpr std::string_view kCheckpointPrefix = "checkpoint-";
/// "snapshot-<8 hex digits: the namespace's number>-<16 hex digits: rising>.appmem"
inline constexpr std::string_view kSnapshotPrefix = "snapshot-";
inline constexpr std::string_view kCheckpointSuffix = ".appmem";
/// A file that is being written; recovery removes it.
inline constexpr std::string_view kUnfinishedSuffix = ".tmp";
inline constexpr std::string_view kLockName = "LOCK";
/// There while a repair moves the files away to the folder that it names, and then while it writes
/// new ones.
inline constexpr std::string_view kRepairMoving = "REPAIR.moving";
inline constexpr std::string_view kRepairWriting = "REPAIR.writing";
inline constexpr std::string_view kDamagedPrefix = "damaged-";

// --- file header ---

inline constexpr std::string_view kSegmentMagic = "APPMEMLG";
inline constexpr std::string_view kCheckpointMagic = "APPMEMCK";
inline constexpr std::size_t kFileHeaderBytes = 64;
// Offsets in it; what is not named is zero.
inline constexpr std::size_t kMagicAt = 0;       // 8 bytes
inline constexpr std::size_t kVersionAt = 8;     // u32
inline constexpr std::size_t kHeaderCrcAt = 12;  // u32: CRC32C of the header with this field zero
inline constexpr std::size_t kDirectoryAt = 16;  // u64: the same in all files of a directory
inline constexpr std::size_t kSequenceAt = 24;   // u64: the one in the file's name
inline constexpr std::size_t kCreatedAt = 32;    // u64: milliseconds since 1970
inline constexpr std::size_t kSaltAt = 40;       // u32: what the CRC of each record begins with
inline constexpr std::size_t kHashSeedAt = 44;   // u64: of the hash that entries are ordered by

// --- record ---

inline constexpr std::size_t kRecordHeaderBytes = 20;
inline constexpr std::size_t kRecordCrcAt = 0;     // u32: CRC32C of all behind it, from the salt on
inline constexpr std::size_t kRecordLengthAt = 4;  // u64: payload bytes (48 bits), kind (8), 0 (8)
inline constexpr std::size_t kRecordSequenceAt = 12;  // u64
inline constexpr std::uint64_t kRecordLengthMask = (std::uint64_t{1} << 48U) - 1;
inline constexpr unsigned kRecordKindShift = 48;

enum class RecordKind : std::uint8_t {
  /// Never written: zeros are no record.
  kNone = 0,
  /// In a segment: operations that belong together. Sequence numbers rise by one from record to
  /// record, over all segments.
  kChanges = 1,
  /// In a segment, before the changes that are written together with it. The sequence number is
  /// that
  /// of the record that follows; payload: u64, the last sequence number known to be on the disk
  /// when
  /// it was written.
  kGroup = 2,
  /// In a checkpoint: operations kCreate for its namespaces, then kSet for their entries.
  /// Sequence numbers count from 1.
  kContent = 3,
  /// The last record of a checkpoint. Payload: varint entries, varint the log's sequence number up
  /// to
  /// which it must be on the disk for this checkpoint to be whole.
  kEnd = 4,
};

// --- operations, in the payload of kChanges and kContent ---

/// First byte of an operation; then a varint, the namespace's number.
enum class Operation : std::uint8_t {
  kSet = 1,     // u8 flags, varint key bytes, key, varint version, deadline?, position?, value
  kDelete = 2,  // varint key bytes, key
  kExpire = 3,  // varint key bytes, key, varint deadline + 1; 0: never
  kClear = 4,
  kCreate = 5,  // varint name bytes, name, settings
  kAlter = 6,   // as kCreate
  kDrop = 7,
};

// Flags of kSet.
inline constexpr std::uint8_t kValueKindMask = 0x03;  // 0 bytes, 1 integer (zigzag varint), 2 JSON
inline constexpr std::uint8_t kHasDeadline = 0x04;    // varint: milliseconds since 1970
inline constexpr std::uint8_t kHasPosition = 0x08;    // varint: sequence number of its last change
/// The value (bytes or JSON) is compressed: varint bytes of the value, then as it is: varint bytes
/// that follow, a zstd frame.
inline constexpr std::uint8_t kIsCompressed = 0x10;
/// Kept for values that are in the log only.
inline constexpr std::uint8_t kIsCold = 0x20;

/// Settings are pairs of varints, a tag and its value; the tag 0 ends them. One that is not there
/// has its default; one that is unknown is an error.
enum class SettingTag : std::uint8_t {
  kEnd = 0,
  kType = 1,
  kPersist = 2,
  kEviction = 3,
  kMaxBytes = 4,
  kReservedBytes = 5,
  kMaxKeys = 6,
  kMaxValueBytes = 7,
  kDefaultTtlMs = 8,
  kOwnerUid = 9,
  /// 1: it had entries when it became durable, and no record has them: a checkpoint does, which
  /// creates it without this. Recovery drops it where there is none.
  kIncomplete = 10,
  /// In a checkpoint or snapshot: about how many entries it has. A hint, for tables of the right
  /// size.
  kEntries = 11,
};

}  // namespace appmem::storage::format
