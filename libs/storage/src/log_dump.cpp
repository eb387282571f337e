#include <algorithm>
#include <map>
#include <utility>

#include "appmem/base/function_ref.h"
#include "appmem/storage/inspection.h"
#include "log_files.h"
#include "record.h"
#include "salvage.h"
#include "utc_text.h"

namespace appmem::storage {
namespace {

constexpr std::string_view kOperationNames[] = {
    "", "set", "delete", "expire", "clear", "create", "alter", "drop",
};
constexpr std::string_view kValueKindNames[] = {"bytes", "integer", "json"};
constexpr std::string_view kTypeNames[] = {"any", "string", "int", "json"};
constexpr std::string_view kPersistNames[] = {"none", "snapshot", "wal"};
constexpr std::string_view kEvictionNames[] = {"lru", "s3fifo", "none"};

template <typename Choice, std::size_t kCount>
std::string_view name_of(const std::string_view (&names)[kCount], Choice choice) {
  return names[std::min(static_cast<std::size_t>(choice), kCount - 1)];
}

void append_hex(std::string& text, std::string_view before, unsigned char byte) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  text.append(before);
  text += kDigits[byte >> 4U];
  text += kDigits[byte & 0xFU];
}

/// In quotes, in printable ASCII: nothing in it can take a terminal over.
std::string quoted(std::string_view bytes) {
  std::string text = "\"";
  for (const char c : bytes) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      text += '\\';
      text += c;
    } else if (byte < 0x20 || byte >= 0x7F) {
      append_hex(text, "\\x", byte);
    } else {
      text += c;
    }
  }
  return text + '"';
}

/// How many of the first bytes are whole characters of UTF-8.
std::size_t utf8_prefix(std::string_view bytes) {
  std::size_t at = 0;
  while (at < bytes.size()) {
    const auto first = static_cast<unsigned char>(bytes[at]);
    const std::size_t length = first < 0x80                     ? 1
                               : first >= 0xC2 && first <= 0xDF ? 2
                               : first >= 0xE0 && first <= 0xEF ? 3
                               : first >= 0xF0 && first <= 0xF4 ? 4
                                                                : 0;
    if (length == 0 || at + length > bytes.size()) return at;
    for (std::size_t i = 1; i < length; ++i) {
      const auto next = static_cast<unsigned char>(bytes[at + i]);
      // Overlong forms, surrogates, and what is above the last character.
      const unsigned low = i != 1 ? 0x80 : first == 0xE0 ? 0xA0 : first == 0xF0 ? 0x90 : 0x80;
      const unsigned high = i != 1 ? 0xBF : first == 0xED ? 0x9F : first == 0xF4 ? 0x8F : 0xBF;
      if (next < low || next > high) return at;
    }
    at += length;
  }
  return at;
}

std::string base64(std::string_view bytes) {
  constexpr std::string_view kDigits =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string text;
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    std::uint32_t group = 0;
    const std::size_t count = std::min<std::size_t>(3, bytes.size() - i);
    for (std::size_t j = 0; j < 3; ++j) {
      group <<= 8U;
      if (j < count) group |= static_cast<unsigned char>(bytes[i + j]);
    }
    for (std::size_t j = 0; j < 4; ++j)
      text += j <= count ? kDigits[(group >> (18 - 6 * j)) & 0x3FU] : '=';
  }
  return text;
}

/// A JSON object that is being written.
class JsonLine {
 public:
  void number(std::string_view name, std::uint64_t value) { begin(name) += std::to_string(value); }
  void signed_number(std::string_view name, std::int64_t value) {
    begin(name) += std::to_string(value);
  }
  void boolean(std::string_view name, bool value) { begin(name) += value ? "true" : "false"; }
  /// Precondition: UTF-8.
  void text(std::string_view name, std::string_view value) {
    begin(name) += '"';
    for (const char c : value) {
      if (c == '"' || c == '\\') text_ += '\\';
      if (static_cast<unsigned char>(c) < 0x20) {
        append_hex(text_, "\\u00", static_cast<unsigned char>(c));
      } else {
        text_ += c;
      }
    }
    text_ += '"';
  }
  /// As the protocol has bytes: what is no UTF-8 goes as base64, with _b64 behind its name.
  void bytes(const std::string& name, std::string_view value) {
    if (utf8_prefix(value) == value.size()) {
      text(name, value);
    } else {
      text(name + "_b64", base64(value));
    }
  }
  [[nodiscard]] std::string take() { return text_ + '}'; }

 private:
  std::string& begin(std::string_view name) {
    text_ += text_.empty() ? '{' : ',';
    return text_.append("\"").append(name).append("\":");
  }
  std::string text_;
};

class Dump {
 public:
  Dump(FileSystem& files, const std::string& directory, const DumpOptions& options,
       const std::function<bool(std::string_view line)>& show)
      : files_(files), directory_(directory), options_(options), show_(show) {}

  Result<void> run() {
    auto listed = list_directory(files_, directory_);
    if (!listed) return fail(std::move(listed).error());
    for (const NamedFile& file : listed->checkpoints) {
      if (auto done = show_file(file, Salvage::Kind::kContent); !done) return done;
    }
    for (const NamedFile& file : listed->segments) {
      const bool is_last = file.name == listed->segments.back().name;
      const auto kind = is_last ? Salvage::Kind::kLastSegment : Salvage::Kind::kSegment;
      if (auto done = show_file(file, kind); !done) return done;
    }
    for (const NamedFile& file : listed->snapshots) {
      if (auto done = show_file(file, Salvage::Kind::kContent); !done) return done;
    }
    return {};
  }

 private:
  Result<void> show_file(const NamedFile& named, Salvage::Kind kind) {
    if (ended_) return {};
    name_ = named.name;
    auto salvage = Salvage::open(files_, directory_ + "/" + named.name, named, kind);
    if (!salvage) {
      const auto names = files_.list(directory_);
      if (!names) return fail(names.error());
      // A daemon that works there has removed it.
      const bool gone = std::find(names->begin(), names->end(), named.name) == names->end();
      return gone ? Result<void>() : fail(std::move(salvage).error());
    }
    salvage->set_mark(mark_);
    while (!ended_) {
      const auto found = salvage->next();
      if (!found) return fail(found.error());
      if (*found == Salvage::Found::kEnd) break;
      show_found(*found, *salvage);
    }
    mark_ = std::max(mark_, salvage->mark());
    return {};
  }

  void show_found(Salvage::Found found, const Salvage& salvage) {
    offset_ = salvage.offset();
    std::string_view payload = salvage.payload();
    switch (found) {
      case Salvage::Found::kRecord:
        sequence_ = salvage.record().sequence;
        if (payload.empty()) show_plain("nothing", "no change", {});
        // Its operations have been read before.
        static_cast<void>(read_operations(payload, values_, [&](const Operation& operation) {
          show_operation(operation);
          return Result<void>();
        }));
        break;
      case Salvage::Found::kMark:
        sequence_ = salvage.record().sequence;
        show_plain("mark", "up to " + std::to_string(salvage.mark()) + " all was on the disk",
                   [&](JsonLine& line) { line.number("synced", salvage.mark()); });
        break;
      case Salvage::Found::kFinish: {
        sequence_ = salvage.record().sequence;
        const std::uint64_t entries = take_varint(payload).value_or(0);
        const std::uint64_t needed = take_varint(payload).value_or(0);
        show_plain(
            "end",
            std::to_string(entries) + " entries, with the log up to " + std::to_string(needed),
            [&](JsonLine& line) {
              line.number("entries", entries);
              line.number("needed", needed);
            });
        break;
      }
      case Salvage::Found::kLost:
      case Salvage::Found::kTorn:
        sequence_ = 0;
        offset_ = salvage.lost_from();
        show_plain(found == Salvage::Found::kTorn ? "torn" : "damaged",
                   "up to byte " + std::to_string(salvage.lost_to()) + ": " + salvage.problem(),
                   [&](JsonLine& line) {
                     line.number("to", salvage.lost_to());
                     line.text("problem", salvage.problem());
                   });
        break;
      case Salvage::Found::kEnd:
        break;
    }
  }

  [[nodiscard]] JsonLine begin_json(std::string_view kind) const {
    JsonLine line;
    line.text("file", name_);
    line.number("offset", offset_);
    if (sequence_ != 0) line.number("sequence", sequence_);
    line.text("kind", kind);
    return line;
  }

  [[nodiscard]] std::string begin_text(std::string_view kind) const {
    const std::string sequence = sequence_ == 0 ? "-" : std::to_string(sequence_);
    return name_ + ":" + std::to_string(offset_) + " " + sequence + " " + std::string(kind);
  }

  void print(std::string_view line) { ended_ = ended_ || !show_(line); }

  void show_plain(std::string_view kind, const std::string& text,
                  const std::function<void(JsonLine&)>& fill) {
    if (!options_.json) return print(begin_text(kind) + ": " + text);
    JsonLine line = begin_json(kind);
    if (fill) fill(line);
    print(line.take());
  }

  void show_operation(const Operation& operation) {
    using Kind = format::Operation;
    if (ended_) return;
    if (operation.kind == Kind::kCreate || operation.kind == Kind::kAlter) {
      names_[operation.ns] = operation.name;
    }
    print(options_.json ? json_of(operation) : text_of(operation));
  }

  [[nodiscard]] static bool has_key(const Operation& operation) {
    using Kind = format::Operation;
    return operation.kind == Kind::kSet || operation.kind == Kind::kDelete ||
           operation.kind == Kind::kExpire;
  }

  [[nodiscard]] std::string shown_value(const Operation& operation, bool& cut) const {
    if (operation.value.kind == ValueKind::kInteger) return std::to_string(operation.value.integer);
    std::string_view bytes = operation.value.bytes;
    cut = bytes.size() > options_.value_bytes_max;
    if (cut) {
      bytes = bytes.substr(0, options_.value_bytes_max);
      constexpr std::size_t kCharacterBytesMax = 4;
      const std::size_t whole = utf8_prefix(bytes);
      if (whole + kCharacterBytesMax > bytes.size()) bytes = bytes.substr(0, whole);
    }
    return std::string(bytes);
  }

  [[nodiscard]] std::string text_of(const Operation& operation) const {
    using Kind = format::Operation;
    std::string text = begin_text(name_of(kOperationNames, operation.kind)) + " ";
    const auto name = names_.find(operation.ns);
    const std::string number = std::to_string(operation.ns);
    text +=
        name == names_.end() ? "namespace " + number : quoted(name->second) + " (" + number + ")";
    if (has_key(operation)) text += " " + quoted(operation.key);
    if (operation.kind == Kind::kSet) {
      const bool is_integer = operation.value.kind == ValueKind::kInteger;
      text += ": " + std::string(name_of(kValueKindNames, operation.value.kind));
      if (!is_integer) text += " of " + std::to_string(operation.value.bytes.size());
      if (operation.compressed_bytes) {
        text += " in " + std::to_string(*operation.compressed_bytes);
      }
      text += ", version " + std::to_string(operation.version);
      if (operation.deadline) text += ", until " + utc_text(*operation.deadline);
      if (operation.position) text += ", position " + std::to_string(*operation.position);
      if (options_.values) {
        bool cut = false;
        const std::string value = shown_value(operation, cut);
        text += " = " + (is_integer ? value : quoted(value)) + (cut ? "..." : "");
      }
    }
    if (operation.kind == Kind::kExpire) {
      text += operation.deadline ? ": until " + utc_text(*operation.deadline) : ": never";
    }
    if (operation.kind == Kind::kCreate || operation.kind == Kind::kAlter) {
      text += ": " + settings_text(operation);
    }
    return text;
  }

  static std::string settings_text(const Operation& operation) {
    const core::NamespaceSettings& settings = operation.settings;
    std::string text = "type " + std::string(name_of(kTypeNames, settings.type)) + ", persist " +
                       std::string(name_of(kPersistNames, settings.persist)) + ", eviction " +
                       std::string(name_of(kEvictionNames, settings.eviction));
    for_each_number(settings, [&](std::string_view name, std::uint64_t value) {
      text.append(", ").append(name).append(" ").append(std::to_string(value));
    });
    if (operation.incomplete) text += ", incomplete";
    if (operation.entries != 0) text += ", about " + std::to_string(operation.entries) + " entries";
    return text;
  }

  static void for_each_number(const core::NamespaceSettings& settings,
                              FunctionRef<void(std::string_view, std::uint64_t)> visit) {
    if (settings.max_bytes) visit("max_bytes", *settings.max_bytes);
    if (settings.reserved_bytes != 0) visit("reserved_bytes", settings.reserved_bytes);
    if (settings.max_keys) visit("max_keys", *settings.max_keys);
    if (settings.max_value_bytes) visit("max_value_bytes", *settings.max_value_bytes);
    if (settings.default_ttl) {
      visit("default_ttl_ms", static_cast<std::uint64_t>(settings.default_ttl->count()));
    }
    visit("owner_uid", settings.owner_uid);
  }

  [[nodiscard]] std::string json_of(const Operation& operation) const {
    using Kind = format::Operation;
    JsonLine line = begin_json(name_of(kOperationNames, operation.kind));
    line.number("ns", operation.ns);
    if (const auto name = names_.find(operation.ns); name != names_.end()) {
      line.bytes("name", name->second);
    }
    if (has_key(operation)) line.bytes("key", operation.key);
    if (operation.kind == Kind::kSet) {
      line.text("type", name_of(kValueKindNames, operation.value.kind));
      const bool is_integer = operation.value.kind == ValueKind::kInteger;
      if (!is_integer) line.number("length", operation.value.bytes.size());
      if (operation.compressed_bytes) line.number("compressed", *operation.compressed_bytes);
      line.number("version", operation.version);
      if (operation.position) line.number("position", *operation.position);
      if (options_.values && is_integer) line.signed_number("value", operation.value.integer);
      if (options_.values && !is_integer) {
        bool cut = false;
        line.bytes("value", shown_value(operation, cut));
        if (cut) line.boolean("cut", true);
      }
    }
    if (operation.deadline) {
      line.signed_number("expires_at_ms", operation.deadline->time_since_epoch().count());
    }
    if (operation.kind == Kind::kCreate || operation.kind == Kind::kAlter) {
      const core::NamespaceSettings& settings = operation.settings;
      line.text("type", name_of(kTypeNames, settings.type));
      line.text("persist", name_of(kPersistNames, settings.persist));
      line.text("eviction", name_of(kEvictionNames, settings.eviction));
      for_each_number(
          settings, [&](std::string_view name, std::uint64_t value) { line.number(name, value); });
      if (operation.incomplete) line.boolean("incomplete", true);
      if (operation.entries != 0) line.number("entries", operation.entries);
    }
    return line.take();
  }

  FileSystem& files_;
  const std::string& directory_;
  const DumpOptions& options_;
  const std::function<bool(std::string_view line)>& show_;
  ValueDecompressor values_;
  std::map<NamespaceNumber, std::string> names_;
  std::uint64_t mark_ = 0;
  std::string name_;
  std::uint64_t offset_ = 0;
  std::uint64_t sequence_ = 0;
  bool ended_ = false;
};

}  // namespace

Result<void> dump(FileSystem& files, const std::string& directory, const DumpOptions& options,
                  const std::function<bool(std::string_view line)>& show) {
  return Dump(files, directory, options, show).run();
}

}  // namespace appmem::storage
