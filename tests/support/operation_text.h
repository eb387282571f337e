#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "record.h"

namespace appmem::test {

/// All that an operation of the log says, on one line, for comparisons and for messages.
inline std::string operation_text(const storage::Operation& operation) {
  const auto number = [](auto value) {
    return std::to_string(static_cast<std::int64_t>(value));
  };
  const auto optional = [&](const auto& value) {
    return value ? number(*value) : "-";
  };
  const auto quoted = [](std::string_view text) {
    return "\"" + std::string(text) + "\"";
  };
  const core::NamespaceSettings& settings = operation.settings;
  std::optional<std::int64_t> deadline;
  if (operation.deadline) deadline = operation.deadline->time_since_epoch().count();
  std::optional<std::int64_t> ttl;
  if (settings.default_ttl) ttl = settings.default_ttl->count();
  return "operation " + number(operation.kind) + " ns " + number(operation.ns) + " key " +
         quoted(operation.key) + " value " + number(operation.value.kind) + " " +
         quoted(operation.value.bytes) + " " + number(operation.value.integer) + " version " +
         number(operation.version) + " deadline " + optional(deadline) + " position " +
         optional(operation.position) + " name " + quoted(operation.name) + " settings " +
         number(settings.type) + " " + number(settings.persist) + " " + number(settings.eviction) +
         " " + optional(settings.max_bytes) + " " + number(settings.reserved_bytes) + " " +
         optional(settings.max_keys) + " " + optional(settings.max_value_bytes) + " " +
         optional(ttl) + " " + number(settings.owner_uid) +
         (operation.incomplete ? " incomplete" : "") + " entries " + number(operation.entries);
}

/// Appends it again, as it was.
inline void append_operation(storage::RecordBuffer& buffer, const storage::Operation& operation) {
  using storage::format::Operation;
  switch (operation.kind) {
    case Operation::kSet:
      return buffer.set(operation.ns, {.key = operation.key,
                                       .value = operation.value,
                                       .version = operation.version,
                                       .deadline = operation.deadline,
                                       .position = operation.position});
    case Operation::kDelete:
      return buffer.remove(operation.ns, operation.key);
    case Operation::kExpire:
      return buffer.expire(operation.ns, operation.key, operation.deadline);
    case Operation::kClear:
      return buffer.clear(operation.ns);
    case Operation::kCreate:
    case Operation::kAlter:
      return buffer.describe(operation.kind, operation.ns, operation.name, operation.settings,
                             operation.incomplete, operation.entries);
    case Operation::kDrop:
      return buffer.drop(operation.ns);
  }
}

/// All records of a buffer, sealed.
inline std::string sealed_text(storage::RecordBuffer& buffer, std::uint32_t salt) {
  buffer.seal(salt);
  std::vector<std::string_view> pieces;
  buffer.gather(pieces);
  std::string text;
  for (const std::string_view piece : pieces)
    text += piece;
  return text;
}

}  // namespace appmem::test
