#include "namespace_fields.h"

#include <array>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace appmem::commands {
namespace {

using protocol::Argument;
using protocol::Field;
using protocol::ReplyWriter;

// In the order of their enumerations.
constexpr std::array<std::string_view, 4> kTypeNames{"any", "string", "int", "json"};
constexpr std::array<std::string_view, 3> kPersistNames{"none", "snapshot", "wal"};
constexpr std::array<std::string_view, 3> kEvictionNames{"lru", "s3fifo", "none"};

template <typename Enum, std::size_t kCount>
std::string_view name_of(const std::array<std::string_view, kCount>& names, Enum value) {
  return names[static_cast<std::size_t>(value)];
}

template <typename Enum, std::size_t kCount>
Result<void> read_choice(const Argument& argument,
                         const std::array<std::string_view, kCount>& names, Enum& value) {
  for (std::size_t i = 0; i < kCount; ++i) {
    if (argument.bytes == names[i]) {
      value = static_cast<Enum>(i);
      return {};
    }
  }
  std::string message(field_name(argument.field));
  message += " is one of";
  for (const std::string_view name : names)
    message.append(" ").append(name);
  return fail(ErrorCode::kInvalidRequest, std::move(message));
}

std::optional<std::uint64_t> limit_of(const Argument& argument) {
  if (argument.null) return std::nullopt;
  return static_cast<std::uint64_t>(argument.integer);
}

void write_limit(ReplyWriter& reply, Field field, const std::optional<std::uint64_t>& limit) {
  if (limit) {
    reply.unsigned_integer(field, *limit);
  } else {
    reply.null(field);
  }
}

Result<void> read_setting(const Argument& argument, core::NamespaceSettings& settings) {
  switch (argument.field) {
    case Field::kType:
      return read_choice(argument, kTypeNames, settings.type);
    case Field::kPersist:
      return read_choice(argument, kPersistNames, settings.persist);
    case Field::kEviction:
      return read_choice(argument, kEvictionNames, settings.eviction);
    case Field::kMaxBytes:
      settings.max_bytes = limit_of(argument);
      return {};
    case Field::kReservedBytes:
      settings.reserved_bytes = limit_of(argument).value_or(0);
      return {};
    case Field::kMaxKeys:
      settings.max_keys = limit_of(argument);
      return {};
    case Field::kMaxValueBytes:
      settings.max_value_bytes = limit_of(argument);
      return {};
    case Field::kDefaultTtlMs:
      settings.default_ttl.reset();
      if (!argument.null) settings.default_ttl = std::chrono::milliseconds(argument.integer);
      return {};
    case Field::kOrdered:
      if (argument.integer == 0) return {};
      return fail(ErrorCode::kUnavailable, "ordered is not available yet");
    default:
      return {};
  }
}

}  // namespace

Result<void> read_setting_word(Field field, std::string_view word,
                               core::NamespaceSettings& settings) {
  Argument argument;
  argument.field = field;
  argument.bytes = word;
  return read_setting(argument, settings);
}

std::string_view value_type_name(core::ValueType type) {
  return name_of(kTypeNames, type);
}

std::string_view persistence_name(core::Persistence persist) {
  return name_of(kPersistNames, persist);
}

std::string_view eviction_name(core::Eviction eviction) {
  return name_of(kEvictionNames, eviction);
}

Result<void> read_settings(const protocol::Arguments& args, core::NamespaceSettings& settings) {
  const bool was_durable = settings.persist != core::Persistence::kNone;
  for (const Argument& argument : args.all()) {
    if (auto read = read_setting(argument, settings); !read) return read;
  }
  // What is to be kept is not evicted, unless somebody says so.
  const bool becomes_durable = !was_durable && settings.persist != core::Persistence::kNone;
  if (becomes_durable && args.find(Field::kEviction) == nullptr) {
    settings.eviction = core::Eviction::kNone;
  }
  return {};
}

void write_namespace(ReplyWriter& reply, const core::NamespaceInfo& info) {
  const core::NamespaceSettings& settings = info.settings;
  reply.text(Field::kName, info.name);
  reply.text(Field::kType, value_type_name(settings.type));
  reply.text(Field::kPersist, persistence_name(settings.persist));
  reply.text(Field::kEviction, eviction_name(settings.eviction));
  write_limit(reply, Field::kMaxBytes, settings.max_bytes);
  reply.unsigned_integer(Field::kReservedBytes, settings.reserved_bytes);
  write_limit(reply, Field::kMaxKeys, settings.max_keys);
  write_limit(reply, Field::kMaxValueBytes, settings.max_value_bytes);
  if (settings.default_ttl) {
    reply.integer(Field::kDefaultTtlMs, settings.default_ttl->count());
  } else {
    reply.null(Field::kDefaultTtlMs);
  }
  reply.unsigned_integer(Field::kOwnerUid, settings.owner_uid);
  reply.unsigned_integer(Field::kKeys, info.keys);
  reply.unsigned_integer(Field::kBytes, info.bytes);
  reply.unsigned_integer(Field::kMemory, info.memory);
  const core::NamespaceCounters& counters = info.counters;
  reply.unsigned_integer(Field::kGets, counters.gets);
  reply.unsigned_integer(Field::kHits, counters.hits);
  reply.unsigned_integer(Field::kMisses, counters.misses);
  reply.unsigned_integer(Field::kSets, counters.sets);
  reply.unsigned_integer(Field::kDeletes, counters.deletes);
  reply.unsigned_integer(Field::kEvictions, counters.evictions);
  reply.unsigned_integer(Field::kExpirations, counters.expirations);
  reply.unsigned_integer(Field::kRefused, counters.refused);
}

}  // namespace appmem::commands
