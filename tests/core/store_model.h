#pragma once

#include <algorithm>
#include <cstdint>
#include <limits>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "appmem/core/store.h"
#include "store_fixture.h"

namespace appmem::core {

/// What a store does, written down as simply as can be: a sorted map and the rules. Knows no
/// memory, so it never evicts; `forget` is for entries that the store has evicted.
class NaiveNamespace {
 public:
  struct Entry {
    StoredValue value;
    Version version = 0;
    std::optional<TimePoint> deadline;
  };

  explicit NaiveNamespace(const NamespaceSettings& of, std::size_t value_bytes_max)
      : settings(of), limit(of.max_value_bytes ? *of.max_value_bytes : value_bytes_max) {}

  Entry* find(const std::string& key, TimePoint now) {
    const auto found = entries.find(key);
    if (found == entries.end()) return nullptr;
    if (found->second.deadline && *found->second.deadline <= now) {
      entries.erase(found);
      return nullptr;
    }
    return &found->second;
  }

  /// Nothing, or the error. The version is for the caller to fill in.
  std::optional<ErrorCode> set(const std::string& key, const StoredValue& given,
                               const SetOptions& options, TimePoint now) {
    const auto value = coerced(given);
    if (!value) return ErrorCode::kWrongType;
    if (bytes_of(*value) > limit) return ErrorCode::kTooLarge;
    Entry* old = find(key, now);
    const Conditions& conditions = options.conditions;
    if (old == nullptr && (conditions.if_present || conditions.if_version)) {
      return ErrorCode::kNotFound;
    }
    if (old != nullptr && conditions.if_absent) return ErrorCode::kExists;
    if (old != nullptr && conditions.if_version && *conditions.if_version != old->version) {
      return ErrorCode::kConflict;
    }
    write(key, *value, resolve(options.expiry, old, now), now);
    return std::nullopt;
  }

  std::optional<ErrorCode> remove(const std::string& key, std::optional<Version> if_version,
                                  TimePoint now) {
    Entry* old = find(key, now);
    if (old == nullptr) return if_version ? std::optional(ErrorCode::kNotFound) : std::nullopt;
    if (if_version && *if_version != old->version) return ErrorCode::kConflict;
    entries.erase(key);
    return std::nullopt;
  }

  std::optional<ErrorCode> increment(const std::string& key, const IncrementOptions& options,
                                     TimePoint now) {
    if (settings.type == ValueType::kJson) return ErrorCode::kWrongType;
    Entry* old = find(key, now);
    std::int64_t number = options.initial;
    if (old != nullptr) {
      if (old->value.kind == ValueKind::kJson) return ErrorCode::kWrongType;
      const auto parsed = integer_in(old->value);
      if (!parsed) return ErrorCode::kNotInteger;
      number = *parsed;
    }
    constexpr std::int64_t kMax = std::numeric_limits<std::int64_t>::max();
    constexpr std::int64_t kMin = std::numeric_limits<std::int64_t>::min();
    if (options.by > 0 ? number > kMax - options.by : number < kMin - options.by) {
      return ErrorCode::kOverflow;
    }
    const std::int64_t sum = number + options.by;
    if ((options.min && sum < *options.min) || (options.max && sum > *options.max)) {
      return ErrorCode::kOutOfRange;
    }
    StoredValue value{ValueKind::kInteger, "", sum};
    if (settings.type == ValueType::kString) value = {ValueKind::kBytes, std::to_string(sum), 0};
    if (bytes_of(value) > limit) return ErrorCode::kTooLarge;
    write(key, value, old != nullptr ? old->deadline : resolve(options.expiry, old, now), now);
    return std::nullopt;
  }

  std::optional<ErrorCode> patch(const std::string& key, const Patch& patch, TimePoint now) {
    if (settings.type == ValueType::kJson || settings.type == ValueType::kInt) {
      return ErrorCode::kWrongType;
    }
    Entry* old = find(key, now);
    if (old != nullptr && old->value.kind == ValueKind::kJson) return ErrorCode::kWrongType;
    StoredValue value{ValueKind::kBytes, (old != nullptr ? old->value.text() : ""), 0};
    const std::size_t offset = patch.offset.value_or(value.bytes.size());
    value.bytes.resize(std::max(value.bytes.size(), offset + patch.bytes.size()));
    value.bytes.replace(offset, patch.bytes.size(), patch.bytes);
    if (value.bytes.size() > limit) return ErrorCode::kTooLarge;
    write(key, value, old != nullptr ? old->deadline : resolve({}, old, now), now);
    return std::nullopt;
  }

  std::optional<ErrorCode> expire(const std::string& key, const ExpireOptions& options,
                                  TimePoint now) {
    Entry* old = find(key, now);
    if (old == nullptr) return std::nullopt;
    const TimePoint never = TimePoint::max();
    const TimePoint before = old->deadline.value_or(never);
    const TimePoint after = resolve(options.expiry, old, now).value_or(never);
    if ((options.if_none && before != never) || (options.if_some && before == never) ||
        (options.if_longer && after <= before) || (options.if_shorter && after >= before)) {
      return ErrorCode::kConflict;
    }
    if (after <= now) {
      entries.erase(key);
    } else {
      old->deadline = after == never ? std::nullopt : std::optional(after);
    }
    return std::nullopt;
  }

  void touch(const std::string& key, const Expiry& expiry, TimePoint now) {
    ExpireOptions options;
    options.expiry = expiry;
    expire(key, options, now);
  }

  void forget(const std::string& key) { entries.erase(key); }

  NamespaceSettings settings;
  std::size_t limit;
  std::map<std::string, Entry> entries;

 private:
  static std::size_t bytes_of(const StoredValue& value) {
    return value.kind == ValueKind::kInteger ? 8 : value.bytes.size();
  }

  static std::optional<std::int64_t> integer_in(const StoredValue& value) {
    if (value.kind == ValueKind::kInteger) return value.integer;
    // Canonical is what std::to_string gives back.
    errno = 0;
    char* end = nullptr;
    const long long parsed = std::strtoll(value.bytes.c_str(), &end, 10);
    if (errno != 0 || std::to_string(parsed) != value.bytes) return std::nullopt;
    return parsed;
  }

  std::optional<StoredValue> coerced(const StoredValue& value) const {
    switch (settings.type) {
      case ValueType::kAny:
        return value;
      case ValueType::kString:
        if (value.kind == ValueKind::kJson) return std::nullopt;
        return StoredValue{ValueKind::kBytes, value.text(), 0};
      case ValueType::kInt:
        if (value.kind == ValueKind::kJson) return std::nullopt;
        if (const auto integer = integer_in(value)) {
          return StoredValue{ValueKind::kInteger, "", *integer};
        }
        return std::nullopt;
      case ValueType::kJson:
        if (value.kind == ValueKind::kBytes) return std::nullopt;
        return StoredValue{ValueKind::kJson, value.text(), 0};
    }
    return std::nullopt;
  }

  std::optional<TimePoint> resolve(const Expiry& expiry, const Entry* old, TimePoint now) const {
    if (expiry.mode == Expiry::Mode::kAt) return expiry.at;
    if (expiry.mode == Expiry::Mode::kNever) return std::nullopt;
    if (expiry.mode == Expiry::Mode::kKeep && old != nullptr) return old->deadline;
    if (settings.default_ttl) return now + *settings.default_ttl;
    return std::nullopt;
  }

  void write(const std::string& key, const StoredValue& value, std::optional<TimePoint> deadline,
             TimePoint now) {
    if (deadline && *deadline <= now) {
      entries.erase(key);
    } else {
      entries[key] = {value, 0, deadline};
    }
  }
};

}  // namespace appmem::core
