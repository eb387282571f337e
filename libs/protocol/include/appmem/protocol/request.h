#pragma once

#include <cstddef>
#include <cstdint>
#include <forward_list>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "appmem/base/shared_bytes.h"
#include "appmem/base/value.h"
#include "appmem/protocol/command_table.h"
#include "appmem/protocol/text_memory.h"

namespace appmem::protocol {

/// A value in a request. `json_text` is its text as it stood in a JSON request (a string with its
/// quotes), for namespaces that store documents; empty for formats that know bytes only.
struct ValueArgument {
  ValueView view;
  std::string_view json_text;
};

/// One item of `entries`.
struct EntryArgument {
  std::string_view key;
  ValueArgument value;
  /// Nothing: the namespace's default; 0: never.
  std::optional<std::int64_t> ttl_ms;
};

/// One field that a request names. Which member holds it depends on its FieldType: kBytes and kText
/// in `bytes`; kBool, kInteger, kUnsigned, kMillis, kTtl and kMaximum in `integer` (for null,
/// `null` is set and `integer` is 0); kCursor in `bytes` (as text, also when it came as an integer)
/// or `null`; kValue in `value`; lists in `first` and `count`.
struct Argument {
  Field field{};
  bool null = false;
  std::uint32_t first = 0;
  std::uint32_t count = 0;
  std::int64_t integer = 0;
  std::string_view bytes;
  ValueArgument value;
};

class Request;

/// The fields of a request, or of one op of a batch. Lifetime: the request's.
class Arguments {
 public:
  Arguments() = default;
  Arguments(const Request& request, const CommandSpec& command, std::uint32_t first,
            std::uint32_t count)
      : request_(&request), command_(&command), first_(first), count_(count) {}

  [[nodiscard]] const CommandSpec& command() const { return *command_; }
  /// All, in the order of the request, for a handler that looks at each once.
  [[nodiscard]] inline std::span<const Argument> all() const;
  /// The argument, or nullptr when the request does not name the field.
  [[nodiscard]] const Argument* find(Field field) const;
  [[nodiscard]] bool has(Field field) const { return find(field) != nullptr; }
  /// Precondition for the next four: the codec has checked that the field is there (required).
  [[nodiscard]] std::string_view bytes(Field field) const;
  [[nodiscard]] const ValueArgument& value(Field field) const;
  [[nodiscard]] std::span<const std::string_view> keys(Field field) const;
  [[nodiscard]] std::span<const EntryArgument> entries(Field field) const;
  /// 0 for a null (a TTL of never, no limit).
  [[nodiscard]] std::int64_t integer_or(Field field, std::int64_t otherwise) const;
  [[nodiscard]] std::optional<std::int64_t> integer(Field field) const;
  [[nodiscard]] std::optional<std::string_view> text(Field field) const;
  [[nodiscard]] bool flag(Field field) const { return integer_or(field, 0) != 0; }

 private:
  const Request* request_ = nullptr;
  const CommandSpec* command_ = nullptr;
  std::uint32_t first_ = 0;
  std::uint32_t count_ = 0;
};

/// A decoded request. Reused for one request after the other, so that decoding allocates nothing
/// once its vectors have grown. Lifetime of all views: until the request is cleared or decoded into
/// again, or its input buffer changes; whoever keeps a request longer copies what it needs.
class Request {
 public:
  /// One op of a batch: a range of `arguments`.
  struct Op {
    const CommandSpec* command = nullptr;
    std::uint32_t first = 0;
    std::uint32_t count = 0;
  };

  /// In every request's way, and so inline and no longer than what was used of it.
  void clear() {
    large_.clear();
    id_ = {};
    empty_pool(words_);
    if (has_fields_) clear_fields();
  }

  [[nodiscard]] const CommandSpec& command() const { return *command_; }
  [[nodiscard]] Arguments arguments() const { return {*this, *command_, first_, count_}; }
  [[nodiscard]] std::size_t op_count() const { return ops_.size(); }
  [[nodiscard]] Arguments op(std::size_t i) const {
    return {*this, *ops_[i].command, ops_[i].first, ops_[i].count};
  }
  /// What the answer must repeat so that the client can match it, exactly as it was sent; empty
  /// when none.
  [[nodiscard]] std::string_view id() const { return id_; }

  // For decoders. Nested arguments (of batch ops) are added before `set_command` names the outer
  // range.
  void set_id(std::string_view id) { id_ = id; }
  void set_command(const CommandSpec& command, std::uint32_t first, std::uint32_t count) {
    fields_used(command_) = &command;
    first_ = first;
    count_ = count;
  }
  /// The words of a request in RESP, which has nothing else.
  std::vector<std::string_view>& words() { return words_; }
  [[nodiscard]] std::span<const std::string_view> words() const { return words_; }

  std::vector<Argument>& argument_pool() { return fields_used(arguments_); }
  /// Those of a batch itself, while those of its ops are added.
  std::vector<Argument>& outer_argument_pool() { return fields_used(outer_arguments_); }
  std::vector<std::string_view>& key_pool() { return fields_used(keys_); }
  std::vector<EntryArgument>& entry_pool() { return fields_used(entries_); }
  std::vector<Op>& op_pool() { return fields_used(ops_); }
  /// Texts that do not stand in the frame as they are.
  TextMemory& texts() { return fields_used(texts_); }
  /// Large values that the decoder has put together in memory of their own; `shared` of their views
  /// points here.
  std::forward_list<SharedBytes>& large_pool() { return large_; }
  [[nodiscard]] const std::forward_list<SharedBytes>& large_pool() const { return large_; }

 private:
  friend class Arguments;

  /// What a pool may keep between requests, in elements: enough for anything usual.
  static constexpr std::size_t kPoolKeptMax = 256;

  template <typename T>
  static void empty_pool(std::vector<T>& pool) {
    pool.clear();
    if (pool.capacity() > kPoolKeptMax) [[unlikely]]
      std::vector<T>().swap(pool);
  }

  template <typename Part>
  Part& fields_used(Part& part) {
    has_fields_ = true;
    return part;
  }
  void clear_fields();

  /// Whether a decoder has asked for anything that clear_fields() clears.
  bool has_fields_ = false;
  const CommandSpec* command_ = nullptr;
  std::uint32_t first_ = 0;
  std::uint32_t count_ = 0;
  std::string_view id_;
  std::vector<Argument> arguments_;
  std::vector<std::string_view> keys_;
  std::vector<EntryArgument> entries_;
  std::vector<Op> ops_;
  std::forward_list<SharedBytes> large_;
  std::vector<std::string_view> words_;
  std::vector<Argument> outer_arguments_;
  TextMemory texts_;
};

inline std::span<const Argument> Arguments::all() const {
  return {request_->arguments_.data() + first_, count_};
}

}  // namespace appmem::protocol
