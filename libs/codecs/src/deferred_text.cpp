#include "deferred_text.h"

#include <algorithm>

#include "appmem/base/check.h"
#include "appmem/base/units.h"
#include "field_names.h"
#include "json_compose.h"
#include "json_scan.h"

namespace appmem::codecs {
namespace {

/// Of a value, composed at once: a multiple of 3, so that base64 continues behind it.
constexpr std::size_t kSliceBytes = 192_KiB;
static_assert(kSliceBytes % 3 == 0);
/// Whether bytes are UTF-8 is found out so many times faster than they are composed.
constexpr std::size_t kCheckSpeed = 8;

/// A start of `bytes`, of about `size`, that does not end within a character. (Where they are not
/// UTF-8 it may; the check then fails here or behind it, as it should.)
std::string_view whole_characters(std::string_view bytes, std::size_t size) {
  constexpr std::size_t kFollowersMax = 3;
  if (size >= bytes.size()) return bytes;
  const std::size_t least = size - std::min(size - 1, kFollowersMax);
  while (size > least && (static_cast<unsigned char>(bytes[size]) & 0xC0U) == 0x80)
    --size;
  return bytes.substr(0, size);
}

void compose_string(protocol::OutputBuffer& output, const SharedBytes& shared,
                    std::string_view slice) {
  const char* const end = slice.data() + slice.size();
  if (find_json_special(slice.data(), end) == end) {
    output.append_shared(shared, slice);
  } else {
    append_json_escaped(output, slice);
  }
}

void compose_document(protocol::OutputBuffer& output, const SharedBytes& shared,
                      std::string_view slice) {
  if (slice.find('\n') == std::string_view::npos) {
    output.append_shared(shared, slice);
  } else {
    append_json_document(output, slice);
  }
}

}  // namespace

void DeferredText::add(protocol::Field field, bool first, const ValueView& value) {
  APPMEM_CHECK(value.shared != nullptr && value.kind != ValueKind::kInteger);
  values_.push_back({text_.end_position(), field, first, value.kind == ValueKind::kJson,
                     *value.shared, value.bytes});
  value_bytes_ += value.bytes.size();
}

bool DeferredText::compose(protocol::OutputBuffer& output, std::size_t bytes,
                           std::size_t congested_bytes) {
  while (bytes > 0 && output.size() <= congested_bytes) {
    const bool more = next_ < values_.size();
    const std::uint64_t text_end = more ? values_[next_].text_end : text_.end_position();
    if (text_.begin_position() < text_end) {
      compose_text(output, text_end, bytes);
    } else if (more) {
      compose_value(output, bytes);
    } else {
      return true;
    }
  }
  return false;
}

void DeferredText::compose_text(protocol::OutputBuffer& output, std::uint64_t end,
                                std::size_t& bytes) {
  std::vector<std::string_view> pieces;
  text_.gather(end, 1, pieces);
  const std::string_view piece = pieces.front().substr(0, std::min(bytes, kSliceBytes));
  output.append(piece);
  text_.consume(piece.size());
  bytes -= piece.size();
}

void DeferredText::compose_value(protocol::OutputBuffer& output, std::size_t& bytes) {
  const Value& value = values_[next_];
  if (offset_ == 0 && phase_ == Phase::kCheck && value.document) {
    append_field_name(output, value.field, value.first, NameForm::kText);
    phase_ = Phase::kDocument;
  }
  if (phase_ == Phase::kCheck) {
    check(output, bytes);
    return;
  }
  const std::string_view slice = value.bytes.substr(offset_, kSliceBytes);
  switch (phase_) {
    case Phase::kDocument:
      compose_document(output, value.shared, slice);
      break;
    case Phase::kString:
      compose_string(output, value.shared, slice);
      break;
    default:
      append_base64(output, slice);
  }
  offset_ += slice.size();
  value_bytes_ -= slice.size();
  bytes -= std::min(bytes, slice.size());
  if (offset_ < value.bytes.size()) return;
  if (phase_ != Phase::kDocument) output.append('"');
  next_value();
}

/// Which form a value takes must be known before its name is written, so it is looked at twice.
void DeferredText::check(protocol::OutputBuffer& output, std::size_t& bytes) {
  const Value& value = values_[next_];
  const std::string_view slice =
      whole_characters(value.bytes.substr(offset_), kCheckSpeed * kSliceBytes);
  const bool right = is_utf8(slice);
  offset_ += slice.size();
  bytes -= std::min(bytes, slice.size() / kCheckSpeed);
  if (right && offset_ < value.bytes.size()) return;
  append_field_name(output, value.field, value.first, right ? NameForm::kText : NameForm::kBase64);
  output.append('"');
  offset_ = 0;
  phase_ = right ? Phase::kString : Phase::kBase64;
}

void DeferredText::next_value() {
  values_[next_].shared = {};
  ++next_;
  offset_ = 0;
  phase_ = Phase::kCheck;
}

}  // namespace appmem::codecs
