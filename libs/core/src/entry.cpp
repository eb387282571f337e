#include "entry.h"

#include <algorithm>

#include "appmem/base/check.h"
#include "appmem/base/limits.h"

namespace appmem::core {

std::size_t EntryShape::value_offset() const {
  const std::size_t offset = Entry::kHeaderBytes + (deadline ? 8 : 0) + (log_position ? 8 : 0) +
                             (key_bytes >= Entry::kLongKey ? 4 : 0) + key_bytes;
  return large ? Entry::align_for_shared(offset) : offset;
}

std::size_t EntryShape::bytes() const {
  if (large) return value_offset() + sizeof(SharedBytes);
  return value_offset() + (kind == ValueKind::kInteger ? sizeof(std::int64_t) : value_bytes);
}

Entry Entry::create(char* block, const EntryShape& shape, std::uint16_t table_id,
                    std::string_view key) {
  const bool long_key = key.size() >= kLongKey;
  const std::uint64_t value_length =
      shape.large ? 0 : (shape.kind == ValueKind::kInteger ? 8 : shape.value_bytes);
  APPMEM_CHECK(value_length <= kInlineValueBytesMax && table_id < kTableIds);
  Entry entry(block);
  entry.store(0, std::uint64_t{0});
  entry.set_meta(
      std::uint64_t{table_id} << kTableIdShift |
      std::uint64_t{long_key ? kLongKey : key.size()} << kKeyShift | value_length << kValueShift |
      std::uint64_t{static_cast<std::uint8_t>(shape.kind)} << kKindShift |
      std::uint64_t{shape.deadline} << kDeadlineShift |
      std::uint64_t{shape.log_position} << kLogShift | std::uint64_t{shape.large} << kLargeShift);
  if (shape.deadline) entry.store(kHeaderBytes, kNever);
  if (shape.log_position) entry.store(entry.log_offset(), CommitTicket{0});
  const std::size_t offset = entry.key_offset();
  if (long_key) entry.store(offset - 4, static_cast<std::uint32_t>(key.size()));
  if (!key.empty()) std::memmove(block + offset, key.data(), key.size());
  return entry;
}

std::size_t Entry::value_bytes() const {
  return large() ? shared().view().size() : field(kValueShift, kValueBits);
}

void Entry::set_integer(std::int64_t integer) {
  store(value_offset(), integer);
}

void Entry::set_bytes(std::string_view bytes) {
  if (!bytes.empty()) std::memmove(block_ + value_offset(), bytes.data(), bytes.size());
}

void Entry::patch_bytes(std::size_t end, std::size_t offset, std::string_view bytes) {
  const std::size_t length = std::max(field(kValueShift, kValueBits), offset + bytes.size());
  set_field(kValueShift, kValueBits, length);
  char* const value = block_ + value_offset();
  if (offset > end) std::memset(value + end, 0, offset - end);
  if (!bytes.empty()) std::memcpy(value + offset, bytes.data(), bytes.size());
}

void Entry::set_shared(const SharedBytes& value) {
  new (block_ + value_offset()) SharedBytes(value);
}

EntryShape Entry::shape() const {
  return {.key_bytes = key().size(),
          .value_bytes = large() ? 0 : field(kValueShift, kValueBits),
          .kind = kind(),
          .deadline = has_deadline_field(),
          .log_position = durable(),
          .large = large()};
}

}  // namespace appmem::core
