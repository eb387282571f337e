#include <optional>

#include "appmem/base/limits.h"
#include "request_walk.h"

namespace appmem::codecs {

using protocol::Argument;
using protocol::EntryArgument;
using protocol::Field;
using protocol::FieldSpec;
using protocol::FieldType;

bool RequestWalk::room_for_key() {
  return request_.key_pool().size() + request_.entry_pool().size() < kRequestKeysMax ||
         refuse(ErrorCode::kTooLarge,
                "more than the limit of " + std::to_string(kRequestKeysMax) + " keys in a request");
}

bool RequestWalk::key_list(const Name& name, Argument& out) {
  if (peek() != '[') return must_be(name, "a list of keys");
  auto& pool = request_.key_pool();
  out.first = static_cast<std::uint32_t>(pool.size());
  const auto item = [&] {
    std::string_view key;
    if (!room_for_key()) return false;
    if (!key_item(name, key)) return within(field_name(out.field), pool.size() - out.first);
    pool.push_back(key);
    return true;
  };
  if (!items(item)) return false;
  out.count = static_cast<std::uint32_t>(pool.size() - out.first);
  return true;
}

/// A string, or {"b64":"…"}.
bool RequestWalk::key_item(const Name& name, std::string_view& out) {
  constexpr std::string_view kWhat = R"(a list of strings or of {"b64":"…"})";
  const Name item{"key", std::nullopt, false};
  if (peek() == '"') return bytes(item, out);
  if (peek() != '{') return must_be(name, kWhat);
  std::size_t fields = 0;
  const auto member = [&](const Name& twin) {
    if (twin.text != "b64" || ++fields > 1) return must_be(name, kWhat);
    return bytes(Name{"b64", std::nullopt, true}, out);
  };
  return members(member) && (fields == 1 || must_be(name, kWhat));
}

bool RequestWalk::entry_list(const Name& name, Argument& out) {
  if (peek() != '[') return must_be(name, "a list of objects");
  auto& pool = request_.entry_pool();
  out.first = static_cast<std::uint32_t>(pool.size());
  const auto item = [&] {
    if (!room_for_key()) return false;
    if (peek() != '{') return must_be(name, "a list of objects");
    EntryArgument entry;
    if (!this->entry(entry)) return within("entries", pool.size() - out.first);
    pool.push_back(entry);
    return true;
  };
  if (!items(item)) return false;
  out.count = static_cast<std::uint32_t>(pool.size() - out.first);
  return true;
}

bool RequestWalk::entry(EntryArgument& out) {
  // Whether they came, and whether as base64.
  std::optional<bool> key;
  std::optional<bool> value;
  const auto member = [&](const Name& name) {
    if (name.field == Field::kKey) {
      if (key) return again(name, *key);
      key = name.twin;
      return bytes(name, out.key);
    }
    if (name.field == Field::kValue) {
      if (value) return again(name, *value);
      value = name.twin;
      return this->value(name, out.value);
    }
    if (name.field == Field::kTtlMs && !name.twin) {
      if (out.ttl_ms) return twice("ttl_ms");
      static constexpr FieldSpec kTtl{Field::kTtlMs, FieldType::kTtl, false, '\0', false, "", {}};
      Argument argument;
      if (!this->argument(name, kTtl, argument)) return false;
      out.ttl_ms = argument.integer;
      return true;
    }
    return unknown(name);
  };
  if (!members(member)) return false;
  if (!key) return invalid("field \"key\" is missing");
  return value || invalid("field \"value\" is missing");
}

bool RequestWalk::op_list(const Name& name, Argument& out) {
  if (peek() != '[') return must_be(name, "a list of requests");
  auto& pool = request_.op_pool();
  out.first = static_cast<std::uint32_t>(pool.size());
  const auto item = [&] {
    if (pool.size() == kBatchOpsMax) {
      return refuse(ErrorCode::kTooLarge, "more than the limit of " + std::to_string(kBatchOpsMax) +
                                              " operations in a batch");
    }
    if (peek() != '{') return must_be(name, "a list of requests");
    return request(false) || within("ops", pool.size());
  };
  if (!items(item)) return false;
  out.count = static_cast<std::uint32_t>(pool.size());
  return true;
}

}  // namespace appmem::codecs
