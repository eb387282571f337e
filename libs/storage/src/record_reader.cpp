#include <array>
#include <limits>
#include <string>
#include <utility>

#include "appmem/base/check.h"
#include "appmem/base/limits.h"
#include "crc32c.h"
#include "little_endian.h"
#include "log_format.h"
#include "record.h"

namespace appmem::storage {
namespace {

constexpr std::uint8_t kKnownFlags = format::kValueKindMask | format::kHasDeadline |
                                     format::kHasPosition | format::kIsCompressed | format::kIsCold;

std::int64_t from_zigzag(std::uint64_t value) {
  return static_cast<std::int64_t>((value >> 1U) ^ (0 - (value & 1U)));
}

/// As take_varint(). An optional would be put together from two parts in memory here and read as
/// one right after, which stalls: it was a fifth of what reading an entry takes.
inline bool take_number(std::string_view& in, std::uint64_t& value) {
  const std::size_t size = in.size();
  std::uint64_t found = 0;
  unsigned shift = 0;
  for (std::size_t at = 0; at < size && shift < 64; shift += 7) {
    const auto byte = static_cast<std::uint8_t>(in[at++]);
    const std::uint64_t bits = byte & 0x7FU;
    if (shift == 63 && bits > 1) return false;
    found |= bits << shift;
    if ((byte & 0x80U) != 0) continue;
    in.remove_prefix(at);
    value = found;
    return true;
  }
  return false;
}

std::string hex_byte(unsigned value) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  return {'0', 'x', kDigits[(value >> 4U) & 0xFU], kDigits[value & 0xFU]};
}

/// Takes a payload apart. Its functions return false where something is wrong, and then error()
/// says what: so that what is right, millions of times in a row, carries no messages about.
class OperationReader {
 public:
  /// `values` is borrowed.
  OperationReader(std::string_view payload, ValueDecompressor& values)
      : payload_(payload), rest_(payload), values_(values) {}

  [[nodiscard]] bool at_end() const { return rest_.empty(); }

  bool read(Operation& operation) {
    operation = Operation{};
    begin_field();
    operation.kind = static_cast<format::Operation>(take_byte());
    switch (operation.kind) {
      case format::Operation::kSet:
        return read_namespace(operation) && read_set(operation);
      case format::Operation::kDelete:
        return read_namespace(operation) && read_key(operation);
      case format::Operation::kExpire:
        return read_namespace(operation) && read_key(operation) && read_expire(operation);
      case format::Operation::kClear:
      case format::Operation::kDrop:
        return read_namespace(operation);
      case format::Operation::kCreate:
      case format::Operation::kAlter:
        return read_namespace(operation) &&
               read_text("name", kNamespaceNameBytesMax, operation.name) &&
               read_settings(operation);
    }
    return complain("unknown operation " + std::to_string(static_cast<unsigned>(operation.kind)));
  }

  [[nodiscard]] Error error() const {
    return {code_, "byte " + std::to_string(field_at_) + " of the payload: " + complaint_};
  }

 private:
  void begin_field() { field_at_ = payload_.size() - rest_.size(); }

  bool complain(std::string what) {
    complaint_ = std::move(what);
    return false;
  }

  /// Precondition: there is one.
  std::uint8_t take_byte() {
    const auto byte = static_cast<std::uint8_t>(rest_.front());
    rest_.remove_prefix(1);
    return byte;
  }

  bool read_number(const char* what, std::uint64_t& number) {
    begin_field();
    if (take_number(rest_, number)) return true;
    return complain(std::string(what) + " is cut off or over 64 bits");
  }

  bool read_number_up_to(std::uint64_t max, const char* what, std::uint64_t& number) {
    if (!read_number(what, number)) return false;
    if (number <= max) return true;
    return complain(std::string(what) + " is " + std::to_string(number) + ", over " +
                    std::to_string(max));
  }

  bool read_text(const char* what, std::size_t bytes_max, std::string_view& text) {
    std::uint64_t bytes = 0;
    if (!read_number(what, bytes)) return false;
    if (bytes > bytes_max) {
      return complain("a " + std::string(what) + " of " + std::to_string(bytes) +
                      " bytes is over the limit of " + std::to_string(bytes_max));
    }
    if (bytes > rest_.size()) {
      return complain("a " + std::string(what) + " of " + std::to_string(bytes) +
                      " bytes goes past the end");
    }
    text = rest_.substr(0, bytes);
    rest_.remove_prefix(bytes);
    return true;
  }

  bool read_namespace(Operation& operation) {
    std::uint64_t number = 0;
    constexpr auto kMax = std::numeric_limits<NamespaceNumber>::max();
    if (!read_number_up_to(kMax, "the namespace's number", number)) return false;
    operation.ns = static_cast<NamespaceNumber>(number);
    return true;
  }

  bool read_key(Operation& operation) { return read_text("key", kKeyBytesMax, operation.key); }

  bool read_set(Operation& operation) {
    begin_field();
    if (at_end()) return complain("the flags are cut off");
    const std::uint8_t flags = take_byte();
    return check_flags(flags) && read_key(operation) &&
           read_number("the version", operation.version) &&
           ((flags & format::kHasDeadline) == 0 || read_deadline(operation)) &&
           ((flags & format::kHasPosition) == 0 || read_position(operation)) &&
           read_value(flags, operation);
  }

  bool check_flags(std::uint8_t flags) {
    if ((flags & ~kKnownFlags) != 0) {
      return complain("unknown flags in " + hex_byte(flags));
    }
    if ((flags & format::kValueKindMask) > static_cast<std::uint8_t>(ValueKind::kJson)) {
      return complain("unknown kind of value in the flags " + hex_byte(flags));
    }
    if ((flags & format::kIsCold) != 0) {
      return complain("a value that is elsewhere in the log: not supported yet by this version");
    }
    if ((flags & format::kIsCompressed) != 0 &&
        (flags & format::kValueKindMask) == static_cast<std::uint8_t>(ValueKind::kInteger)) {
      return complain("an integer cannot be compressed");
    }
    return true;
  }

  bool read_deadline(Operation& operation) {
    std::uint64_t ms = 0;
    if (!read_number_up_to(kMsMax, "the deadline", ms)) return false;
    operation.deadline = WallTime{milliseconds{static_cast<std::int64_t>(ms)}};
    return true;
  }

  bool read_position(Operation& operation) {
    return read_number("the position", operation.position.emplace());
  }

  bool read_value(std::uint8_t flags, Operation& operation) {
    ValueView& value = operation.value;
    value.kind = static_cast<ValueKind>(flags & format::kValueKindMask);
    if ((flags & format::kIsCompressed) != 0) return read_compressed(operation);
    if (value.kind != ValueKind::kInteger) {
      return read_text("value", kValueBytesMaxCeiling, value.bytes);
    }
    std::uint64_t number = 0;
    if (!read_number("the integer", number)) return false;
    value.integer = from_zigzag(number);
    return true;
  }

  bool read_compressed(Operation& operation) {
    std::uint64_t bytes = 0;
    std::string_view frame;
    if (!read_number_up_to(kValueBytesMaxCeiling, "the length of the value", bytes) ||
        !read_text("compressed value", kValueBytesMaxCeiling, frame)) {
      return false;
    }
    auto value = values_.decompress(frame, bytes);
    if (!value) {
      code_ = value.error().code;
      return complain(std::move(value).error().message);
    }
    operation.value.bytes = *value;
    operation.compressed_bytes = frame.size();
    return true;
  }

  bool read_expire(Operation& operation) {
    std::uint64_t ms_and_one = 0;
    if (!read_number_up_to(kMsMax + 1, "the deadline", ms_and_one)) return false;
    if (ms_and_one != 0) {
      operation.deadline = WallTime{milliseconds{static_cast<std::int64_t>(ms_and_one - 1)}};
    }
    return true;
  }

  bool read_settings(Operation& operation) {
    // What a file does not name has the format's default, whatever this program's is.
    core::NamespaceSettings& settings = operation.settings;
    settings.type = core::ValueType::kAny;
    settings.persist = core::Persistence::kNone;
    settings.eviction = core::Eviction::kLru;
    for (std::uint64_t last_tag = 0;;) {
      std::uint64_t tag = 0;
      if (!read_number("the tag of a setting", tag)) return false;
      if (tag == static_cast<std::uint64_t>(format::SettingTag::kEnd)) return true;
      if (tag > static_cast<std::uint64_t>(format::SettingTag::kEntries)) {
        return complain("unknown setting " + std::to_string(tag));
      }
      if (tag <= last_tag) {
        return complain("setting " + std::to_string(tag) + " behind setting " +
                        std::to_string(last_tag) + ": they rise");
      }
      last_tag = tag;
      if (!read_setting(static_cast<format::SettingTag>(tag), operation)) return false;
    }
  }

  bool read_setting(format::SettingTag tag, Operation& operation) {
    using format::SettingTag;
    core::NamespaceSettings& settings = operation.settings;
    switch (tag) {
      case SettingTag::kType:
        return read_choice(core::ValueType::kJson, "the type", settings.type);
      case SettingTag::kPersist:
        return read_choice(core::Persistence::kWal, "the persistence", settings.persist);
      case SettingTag::kEviction:
        return read_choice(core::Eviction::kNone, "the eviction", settings.eviction);
      case SettingTag::kMaxBytes:
        return read_number("max_bytes", settings.max_bytes.emplace());
      case SettingTag::kReservedBytes:
        return read_number("reserved_bytes", settings.reserved_bytes);
      case SettingTag::kMaxKeys:
        return read_number("max_keys", settings.max_keys.emplace());
      case SettingTag::kMaxValueBytes:
        return read_number("max_value_bytes", settings.max_value_bytes.emplace());
      case SettingTag::kDefaultTtlMs: {
        std::uint64_t ms = 0;
        if (!read_number_up_to(kMsMax, "default_ttl", ms)) return false;
        settings.default_ttl = milliseconds{static_cast<std::int64_t>(ms)};
        return true;
      }
      case SettingTag::kOwnerUid: {
        std::uint64_t uid = 0;
        constexpr auto kMax = std::numeric_limits<std::uint32_t>::max();
        if (!read_number_up_to(kMax, "the owner", uid)) return false;
        settings.owner_uid = static_cast<std::uint32_t>(uid);
        return true;
      }
      case SettingTag::kIncomplete: {
        std::uint64_t incomplete = 0;
        if (!read_number_up_to(1, "incomplete", incomplete)) return false;
        operation.incomplete = incomplete != 0;
        return true;
      }
      case SettingTag::kEntries:
        return read_number("the number of entries", operation.entries);
      case SettingTag::kEnd:
        break;
    }
    return complain("unknown setting");
  }

  template <typename T>
  bool read_choice(T last, const char* what, T& choice) {
    std::uint64_t number = 0;
    if (!read_number_up_to(static_cast<std::uint64_t>(last), what, number)) return false;
    choice = static_cast<T>(number);
    return true;
  }

  static constexpr std::uint64_t kMsMax =
      static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max());

  std::string_view payload_;
  std::string_view rest_;
  std::size_t field_at_ = 0;
  ErrorCode code_ = ErrorCode::kInvalidRequest;
  std::string complaint_;
  ValueDecompressor& values_;
};

}  // namespace

Result<void> read_operations(std::string_view payload,
                             FunctionRef<Result<void>(const Operation&)> visit) {
  ValueDecompressor values;
  return read_operations(payload, values, visit);
}

Result<void> read_operations(std::string_view payload, ValueDecompressor& values,
                             FunctionRef<Result<void>(const Operation&)> visit) {
  OperationReader reader(payload, values);
  Operation operation;
  while (!reader.at_end()) {
    if (!reader.read(operation)) return fail(reader.error());
    if (Result<void> visited = visit(operation); !visited) return visited;
  }
  return {};
}

std::optional<std::uint64_t> take_varint(std::string_view& in) {
  std::uint64_t value = 0;
  return take_number(in, value) ? std::optional(value) : std::nullopt;
}

std::optional<RecordHeader> decode_record_header(std::string_view bytes) {
  APPMEM_CHECK(bytes.size() >= format::kRecordHeaderBytes);
  const std::uint64_t field = load_u64(bytes.data() + format::kRecordLengthAt);
  const std::uint64_t kind = field >> format::kRecordKindShift;  // and the 8 bits that are 0
  if (kind < static_cast<std::uint64_t>(format::RecordKind::kChanges) ||
      kind > static_cast<std::uint64_t>(format::RecordKind::kEnd)) {
    return std::nullopt;
  }
  return RecordHeader{
      .crc = load_u32(bytes.data() + format::kRecordCrcAt),
      .length = field & format::kRecordLengthMask,
      .kind = static_cast<format::RecordKind>(kind),
      .sequence = load_u64(bytes.data() + format::kRecordSequenceAt),
  };
}

bool record_is_whole(std::string_view record, std::uint32_t salt) {
  if (record.size() < format::kRecordHeaderBytes) return false;
  return crc32c(record.substr(format::kRecordLengthAt), salt) ==
         load_u32(record.data() + format::kRecordCrcAt);
}

}  // namespace appmem::storage
