#include <algorithm>
#include <utility>

#include "appmem/base/check.h"
#include "appmem/base/limits.h"
#include "crc32c.h"
#include "little_endian.h"
#include "log_format.h"
#include "record.h"

namespace appmem::storage {
namespace {

/// A varint of 64 bits.
constexpr std::size_t kVarintBytesMax = 10;
/// Of an operation: its byte and the namespace.
constexpr std::size_t kBeginningBytesMax = 1 + kVarintBytesMax;
/// Flags, key bytes, version, deadline, position, value bytes or an integer.
constexpr std::size_t kSetFieldsBytesMax = 1 + 5 * kVarintBytesMax;
/// Eleven pairs and the end.
constexpr std::size_t kSettingsBytesMax = 11 * (1 + kVarintBytesMax) + 1;

// The numbers of these are part of the format.
static_assert(static_cast<int>(ValueKind::kBytes) == 0);
static_assert(static_cast<int>(ValueKind::kInteger) == 1);
static_assert(static_cast<int>(ValueKind::kJson) == 2);
static_assert(static_cast<int>(core::ValueType::kAny) == 0);
static_assert(static_cast<int>(core::ValueType::kString) == 1);
static_assert(static_cast<int>(core::ValueType::kInt) == 2);
static_assert(static_cast<int>(core::ValueType::kJson) == 3);
static_assert(static_cast<int>(core::Persistence::kNone) == 0);
static_assert(static_cast<int>(core::Persistence::kSnapshot) == 1);
static_assert(static_cast<int>(core::Persistence::kWal) == 2);
static_assert(static_cast<int>(core::Eviction::kLru) == 0);
static_assert(static_cast<int>(core::Eviction::kS3Fifo) == 1);
static_assert(static_cast<int>(core::Eviction::kNone) == 2);

char* write_varint(char* out, std::uint64_t value) {
  for (; value >= 0x80U; value >>= 7U)
    *out++ = static_cast<char>(value | 0x80U);
  *out++ = static_cast<char>(value);
  return out;
}

char* write_text(char* out, std::string_view text) {
  out = write_varint(out, text.size());
  return std::copy(text.begin(), text.end(), out);
}

char* write_beginning(char* out, format::Operation operation, NamespaceNumber ns) {
  *out++ = static_cast<char>(operation);
  return write_varint(out, ns);
}

char* write_setting(char* out, format::SettingTag tag, std::uint64_t value) {
  out = write_varint(out, static_cast<std::uint64_t>(tag));
  return write_varint(out, value);
}

char* write_setting(char* out, format::SettingTag tag, std::optional<std::uint64_t> value) {
  return value ? write_setting(out, tag, *value) : out;
}

/// One that is 0 in a file that does not name it.
template <typename T>
char* write_unless_zero(char* out, format::SettingTag tag, T value) {
  const auto number = static_cast<std::uint64_t>(value);
  return number != 0 ? write_setting(out, tag, number) : out;
}

/// Small numbers of either sign are short.
std::uint64_t zigzag(std::int64_t value) {
  return (static_cast<std::uint64_t>(value) << 1U) ^ static_cast<std::uint64_t>(value >> 63U);
}

/// Milliseconds since 1970. What is due before that is as due at that moment.
std::uint64_t wall_ms(WallTime when) {
  return static_cast<std::uint64_t>(std::max<std::int64_t>(when.time_since_epoch().count(), 0));
}

}  // namespace

char* RecordBuffer::make_room(std::size_t bytes_max) {
  APPMEM_CHECK(open_);
  const std::size_t size = text_.size();
  text_.resize(size + bytes_max);
  return text_.data() + size;
}

void RecordBuffer::cut_behind(const char* end) {
  text_.resize(static_cast<std::size_t>(end - text_.data()));
}

void RecordBuffer::begin(format::RecordKind kind, std::uint64_t sequence) {
  APPMEM_CHECK(!open_);
  open_ = true;
  records_.push_back(text_.size());
  char* const header = make_room(format::kRecordHeaderBytes);
  // The length follows in end(), the CRC in seal().
  store_u64(header + format::kRecordLengthAt, static_cast<std::uint64_t>(kind)
                                                  << format::kRecordKindShift);
  store_u64(header + format::kRecordSequenceAt, sequence);
}

void RecordBuffer::end() {
  APPMEM_CHECK(open_);
  open_ = false;
  const std::size_t begin = records_.back();
  std::uint64_t length = text_.size() - begin - format::kRecordHeaderBytes;
  for (auto i = insertions_.rbegin(); i != insertions_.rend() && i->at > begin; ++i)
    length += i->bytes.size();
  APPMEM_CHECK(length <= format::kRecordLengthMask);
  char* const field = text_.data() + begin + format::kRecordLengthAt;
  store_u64(field, load_u64(field) | length);
}

void RecordBuffer::set(NamespaceNumber ns, const SetFields& fields) {
  const ValueView& value = fields.value;
  APPMEM_CHECK(fields.key.size() <= kKeyBytesMax && value.bytes.size() <= kValueBytesMaxCeiling);
  std::uint8_t flags = static_cast<std::uint8_t>(value.kind);
  if (fields.deadline) flags |= format::kHasDeadline;
  if (fields.position) flags |= format::kHasPosition;

  char* out = make_room(kBeginningBytesMax + kSetFieldsBytesMax + fields.key.size());
  out = write_beginning(out, format::Operation::kSet, ns);
  *out++ = static_cast<char>(flags);
  out = write_text(out, fields.key);
  out = write_varint(out, fields.version);
  if (fields.deadline) out = write_varint(out, wall_ms(*fields.deadline));
  if (fields.position) out = write_varint(out, *fields.position);
  if (value.kind == ValueKind::kInteger) {
    cut_behind(write_varint(out, zigzag(value.integer)));
    return;
  }
  cut_behind(write_varint(out, value.bytes.size()));
  if (value.shared == nullptr) {
    text_.append(value.bytes);
  } else {
    insertions_.push_back({text_.size(), value.bytes, *value.shared});
    inserted_bytes_ += value.bytes.size();
  }
}

void RecordBuffer::remove(NamespaceNumber ns, std::string_view key) {
  APPMEM_CHECK(key.size() <= kKeyBytesMax);
  char* const out = make_room(kBeginningBytesMax + kVarintBytesMax + key.size());
  cut_behind(write_text(write_beginning(out, format::Operation::kDelete, ns), key));
}

void RecordBuffer::expire(NamespaceNumber ns, std::string_view key,
                          std::optional<WallTime> deadline) {
  APPMEM_CHECK(key.size() <= kKeyBytesMax);
  char* out = make_room(kBeginningBytesMax + 2 * kVarintBytesMax + key.size());
  out = write_text(write_beginning(out, format::Operation::kExpire, ns), key);
  cut_behind(write_varint(out, deadline ? wall_ms(*deadline) + 1 : 0));
}

void RecordBuffer::clear(NamespaceNumber ns) {
  cut_behind(write_beginning(make_room(kBeginningBytesMax), format::Operation::kClear, ns));
}

void RecordBuffer::describe(format::Operation operation, NamespaceNumber ns, std::string_view name,
                            const core::NamespaceSettings& settings, bool incomplete,
                            std::uint64_t entries) {
  using format::SettingTag;
  APPMEM_CHECK(operation == format::Operation::kCreate || operation == format::Operation::kAlter);
  APPMEM_CHECK(name.size() <= kNamespaceNameBytesMax);
  char* out = make_room(kBeginningBytesMax + kVarintBytesMax + name.size() + kSettingsBytesMax);
  out = write_text(write_beginning(out, operation, ns), name);
  out = write_unless_zero(out, SettingTag::kType, settings.type);
  out = write_unless_zero(out, SettingTag::kPersist, settings.persist);
  out = write_unless_zero(out, SettingTag::kEviction, settings.eviction);
  out = write_setting(out, SettingTag::kMaxBytes, settings.max_bytes);
  out = write_unless_zero(out, SettingTag::kReservedBytes, settings.reserved_bytes);
  out = write_setting(out, SettingTag::kMaxKeys, settings.max_keys);
  out = write_setting(out, SettingTag::kMaxValueBytes, settings.max_value_bytes);
  if (settings.default_ttl) {
    const std::int64_t ms = std::max<std::int64_t>(settings.default_ttl->count(), 0);
    out = write_setting(out, SettingTag::kDefaultTtlMs, static_cast<std::uint64_t>(ms));
  }
  out = write_unless_zero(out, SettingTag::kOwnerUid, settings.owner_uid);
  out = write_unless_zero(out, SettingTag::kIncomplete, incomplete ? 1 : 0);
  out = write_unless_zero(out, SettingTag::kEntries, entries);
  cut_behind(write_varint(out, static_cast<std::uint64_t>(SettingTag::kEnd)));
}

void RecordBuffer::drop(NamespaceNumber ns) {
  cut_behind(write_beginning(make_room(kBeginningBytesMax), format::Operation::kDrop, ns));
}

void RecordBuffer::put_u64(std::uint64_t value) {
  store_u64(make_room(sizeof value), value);
}

void RecordBuffer::put_varint(std::uint64_t value) {
  cut_behind(write_varint(make_room(kVarintBytesMax), value));
}

void RecordBuffer::put_payload(std::string_view payload) {
  APPMEM_CHECK(open_);
  text_.append(payload);
}

void RecordBuffer::seal(std::uint32_t salt) {
  APPMEM_CHECK(!open_);
  const std::string_view text = text_;
  auto insertion = insertions_.begin();
  for (std::size_t i = 0; i < records_.size(); ++i) {
    const std::size_t begin = records_[i];
    const std::size_t end = i + 1 < records_.size() ? records_[i + 1] : text.size();
    std::size_t at = begin + format::kRecordLengthAt;
    std::uint32_t crc = salt;
    // A value that ends its record lies where the next one begins.
    for (; insertion != insertions_.end() && insertion->at <= end; ++insertion) {
      crc = crc32c(text.substr(at, insertion->at - at), crc);
      crc = crc32c(insertion->bytes, crc);
      at = insertion->at;
    }
    crc = crc32c(text.substr(at, end - at), crc);
    store_u32(text_.data() + begin + format::kRecordCrcAt, crc);
  }
}

void RecordBuffer::gather(std::vector<std::string_view>& pieces) const {
  const std::string_view text = text_;
  std::size_t at = 0;
  for (const Insertion& insertion : insertions_) {
    pieces.push_back(text.substr(at, insertion.at - at));
    pieces.push_back(insertion.bytes);
    at = insertion.at;
  }
  if (at != text.size()) pieces.push_back(text.substr(at));
}

void RecordBuffer::clear_all(std::size_t keep_bytes) {
  const auto forget = [keep_bytes](auto& items) {
    if (items.capacity() * sizeof(*items.data()) > keep_bytes) {
      std::exchange(items, {});
    } else {
      items.clear();
    }
  };
  forget(text_);
  forget(insertions_);
  forget(records_);
  inserted_bytes_ = 0;
  open_ = false;
}

}  // namespace appmem::storage
