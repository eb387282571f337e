#include "redis_values.h"

#include "appmem/base/limits.h"

namespace appmem::commands {

std::string_view redis_bytes(const ValueView& value, DecimalText& digits) {
  if (value.kind != ValueKind::kInteger) return value.bytes;
  return decimal_of(value.integer, digits);
}

std::string_view RedisValue::bytes() {
  return redis_bytes(view(), digits_);
}

bool read_redis_value(RedisCall& call, std::string_view key, const core::GetOptions& options,
                      RedisValue& value) {
  const auto keep = [&](const core::EntryView& entry) {
    value.keep(entry.value);
  };
  const auto outcome = call.keys.get(call.ns, key, options, call.now, keep);
  if (!outcome) {
    refuse_redis(call, outcome.error());
    return false;
  }
  call.rests_on(outcome->ticket);
  return true;
}

namespace {

/// A word as a value: where it has memory of its own, the entry takes a share of that.
ValueView value_of_word(const RedisCall& call, std::string_view word) {
  ValueView value = ValueView::from_bytes(word);
  if (word.size() <= kInlineValueBytesMax || call.large_words == nullptr) return value;
  for (const SharedBytes& large : *call.large_words) {
    if (large.view().data() == word.data()) value.shared = &large;
  }
  return value;
}

}  // namespace

Result<core::SetOutcome> write_redis_value(RedisCall& call, core::NamespaceId ns,
                                           std::string_view key, std::string_view bytes,
                                           const core::SetOptions& options) {
  ValueView value = value_of_word(call, bytes);
  auto outcome = call.keys.set(ns, key, value, options, call.now);
  // Asked first, so that other namespaces' writes need not look up what theirs is.
  if (!outcome && outcome.error().code == ErrorCode::kWrongType) {
    const auto settings = call.store.namespace_settings(ns);
    if (settings && settings->type == core::ValueType::kJson) {
      if (auto valid = call.validator.validate(bytes); !valid) {
        call.store.note_refused(ns, key);
        return fail(std::move(valid).error());
      }
      value.kind = ValueKind::kJson;
      outcome = call.keys.set(ns, key, value, options, call.now);
    }
  }
  if (outcome) call.rests_on(outcome->ticket);
  return outcome;
}

}  // namespace appmem::commands
