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

bool RequestWalk::key_list(od::value& value, const Name& name, Argument& out) {
  if (!token(value).starts_with('[')) return must_be(name, "a list of keys");
  od::array array;
  if (value.get_array().get(array)) return malformed();
  auto& pool = request_.key_pool();
  out.first = static_cast<std::uint32_t>(pool.size());
  for (auto result : array) {
    od::value item;
    std::string_view key;
    if (std::move(result).get(item)) return malformed();
    if (!room_for_key()) return false;
    if (!key_item(item, name, key)) return within(field_name(out.field), pool.size() - out.first);
    pool.push_back(key);
  }
  out.count = static_cast<std::uint32_t>(pool.size() - out.first);
  return true;
}

/// A string, or {"b64":"…"}.
bool RequestWalk::key_item(od::value& value, const Name& name, std::string_view& out) {
  constexpr std::string_view kWhat = R"(a list of strings or of {"b64":"…"})";
  const std::string_view token = this->token(value);
  const Name item{"key", std::nullopt, false};
  if (token.starts_with('"')) return bytes(value, item, out);
  if (!token.starts_with('{')) return must_be(name, kWhat);
  od::object object;
  if (value.get_object().get(object)) return malformed();
  std::size_t fields = 0;
  for (auto result : object) {
    od::field each;
    Name twin;
    if (std::move(result).get(each)) return malformed();
    if (!read_name(each, twin)) return false;
    if (twin.text != "b64" || ++fields > 1) return must_be(name, kWhat);
    if (!bytes(each.value(), Name{"b64", std::nullopt, true}, out)) return false;
  }
  return fields == 1 || must_be(name, kWhat);
}

bool RequestWalk::entry_list(od::value& value, const Name& name, Argument& out) {
  if (!token(value).starts_with('[')) return must_be(name, "a list of objects");
  od::array array;
  if (value.get_array().get(array)) return malformed();
  auto& pool = request_.entry_pool();
  out.first = static_cast<std::uint32_t>(pool.size());
  for (auto result : array) {
    od::value item;
    if (std::move(result).get(item)) return malformed();
    if (!room_for_key()) return false;
    if (!token(item).starts_with('{')) return must_be(name, "a list of objects");
    od::object object;
    EntryArgument entry;
    if (item.get_object().get(object)) return malformed();
    if (!this->entry(object, entry)) return within("entries", pool.size() - out.first);
    pool.push_back(entry);
  }
  out.count = static_cast<std::uint32_t>(pool.size() - out.first);
  return true;
}

bool RequestWalk::entry(od::object& object, EntryArgument& out) {
  bool has_key = false;
  bool has_value = false;
  for (auto result : object) {
    od::field each;
    Name name;
    Argument argument;
    if (std::move(result).get(each)) return malformed();
    if (!read_name(each, name)) return false;
    od::value& value = each.value();
    if (name.field == Field::kKey) {
      if (std::exchange(has_key, true)) return twice("key");
      if (!bytes(value, name, out.key)) return false;
    } else if (name.field == Field::kValue) {
      if (std::exchange(has_value, true)) return twice("value");
      if (!(name.twin ? base64(value, name, out.value.view.bytes) : any_value(value, out.value))) {
        return false;
      }
    } else if (name.field == Field::kTtlMs && !name.twin) {
      if (out.ttl_ms) return twice("ttl_ms");
      static constexpr FieldSpec kTtl{Field::kTtlMs, FieldType::kTtl, false, '\0', false, "", {}};
      if (!this->argument(value, name, kTtl, argument)) return false;
      out.ttl_ms = argument.integer;
    } else {
      return unknown(name);
    }
  }
  if (!has_key) return invalid("field \"key\" is missing");
  return has_value || invalid("field \"value\" is missing");
}

bool RequestWalk::op_list(od::value& value, const Name& name, Argument& out) {
  if (!token(value).starts_with('[')) return must_be(name, "a list of requests");
  od::array array;
  if (value.get_array().get(array)) return malformed();
  auto& pool = request_.op_pool();
  out.first = static_cast<std::uint32_t>(pool.size());
  for (auto result : array) {
    od::value item;
    if (std::move(result).get(item)) return malformed();
    if (pool.size() == kBatchOpsMax) {
      return refuse(ErrorCode::kTooLarge, "more than the limit of " + std::to_string(kBatchOpsMax) +
                                              " operations in a batch");
    }
    if (!token(item).starts_with('{')) return must_be(name, "a list of requests");
    od::object object;
    if (item.get_object().get(object)) return malformed();
    if (!request(object, false)) return within("ops", pool.size());
  }
  out.count = static_cast<std::uint32_t>(pool.size());
  return true;
}

}  // namespace appmem::codecs
