#include <algorithm>
#include <cstring>
#include <memory>
#include <span>
#include <string>

#include "appmem/base/limits.h"
#include "redis_answer.h"
#include "redis_handlers.h"
#include "redis_values.h"

/// Values as bytes: reading them, whole or in part, and changing a part.
namespace appmem::commands {
namespace {

using core::EntryView;

constexpr std::string_view kTooLong =
    "ERR string exceeds maximum allowed size (proto-max-bulk-len)";

/// The part that GETRANGE means, negative positions being counted from the end.
std::string_view part_of(std::string_view bytes, std::int64_t start, std::int64_t end) {
  const auto size = static_cast<std::int64_t>(bytes.size());
  if (start < 0 && end < 0 && start > end) return {};
  if (start < 0) start = std::max<std::int64_t>(start + size, 0);
  if (end < 0) end = std::max<std::int64_t>(end + size, 0);
  end = std::min(end, size - 1);
  if (start > end) return {};
  return bytes.substr(static_cast<std::size_t>(start), static_cast<std::size_t>(end - start + 1));
}

/// Writes `head`, zeros up to `offset`, and `patch` from there on over it, into `out`.
void patch_into(std::span<char> out, std::string_view head, std::size_t offset,
                std::string_view patch) {
  if (!head.empty()) std::memcpy(out.data(), head.data(), head.size());
  if (offset > head.size()) std::memset(out.data() + head.size(), 0, offset - head.size());
  std::memcpy(out.data() + offset, patch.data(), patch.size());
}

/// The longest value that may be stored where the call goes to.
std::size_t value_bytes_max(const RedisCall& call) {
  const auto settings = call.store.namespace_settings(call.ns);
  const std::size_t of_store = call.control.limits().value_bytes_max;
  return settings ? settings->max_value_bytes.value_or(of_store) : of_store;
}

Error too_large(std::size_t size, std::size_t most) {
  return {ErrorCode::kTooLarge,
          "the value of " + std::to_string(size) + " bytes is over max_value_bytes, " +
              std::to_string(most),
          std::nullopt};
}

/// Stores `head` with `patch` over it from `offset` on, `size` bytes in all.
Result<core::SetOutcome> store_patched(RedisCall& call, std::string_view head, std::size_t offset,
                                       std::string_view patch, std::size_t size) {
  const auto patched = std::make_unique_for_overwrite<char[]>(size);
  patch_into({patched.get(), size}, head, offset, patch);
  core::SetOptions options;
  options.expiry.mode = core::Expiry::Mode::kKeep;
  return call.keys.set(call.ns, call.words[1], ValueView::from_bytes({patched.get(), size}),
                       options, call.now);
}

}  // namespace

void redis_append(RedisCall& call) {
  const auto outcome = call.keys.append(call.ns, call.words[1], call.words[2], call.now);
  if (!outcome) return refuse_redis(call, outcome.error());
  call.rests_on(outcome->ticket);
  call.reply.integer(static_cast<std::int64_t>(outcome->length));
}

void redis_get(RedisCall& call) {
  if (!admits_value(call, call.words[1])) return;
  const auto write = [&](const EntryView& entry) {
    call.reply.value(entry.value);
  };
  const auto outcome = call.keys.get(call.ns, call.words[1], {}, call.now, write);
  if (!outcome) return refuse_redis(call, outcome.error());
  call.rests_on(outcome->ticket);
  if (!outcome->found) call.reply.null();
}

void redis_getdel(RedisCall& call) {
  if (!admits_value(call, call.words[1])) return;
  const auto write = [&](const EntryView& entry) {
    call.reply.value(entry.value);
  };
  const core::EntryVisitor visitor(write);
  const core::RemoveOptions options{.if_version = std::nullopt, .old = &visitor};
  const auto outcome = call.keys.remove(call.ns, call.words[1], options, call.now);
  if (!outcome) return refuse_redis(call, outcome.error());
  call.rests_on(outcome->ticket);
  if (!outcome->removed) call.reply.null();
}

void redis_getrange(RedisCall& call) {
  std::int64_t start = 0;
  std::int64_t end = 0;
  if (!read_redis_integer(call.words[2], start) || !read_redis_integer(call.words[3], end)) {
    return call.reply.failure(kRedisNotAnInteger);
  }
  if (!admits_value(call, call.words[1])) return;
  const auto write = [&](const EntryView& entry) {
    DecimalText digits{};
    ValueView part = entry.value;
    part.bytes = part_of(redis_bytes(entry.value, digits), start, end);
    part.kind = ValueKind::kBytes;
    // A small part of a large value does not keep the whole alive.
    if (part.bytes.size() <= kInlineValueBytesMax) part.shared = nullptr;
    call.reply.value(part);
  };
  const auto outcome = call.keys.get(call.ns, call.words[1], {}, call.now, write);
  if (!outcome) return refuse_redis(call, outcome.error());
  call.rests_on(outcome->ticket);
  if (!outcome->found) call.reply.bulk({});
}

void redis_mget(RedisCall& call) {
  const auto keys = call.words.subspan(1);
  if (!admits_values(call, keys)) return;
  call.reply.array(keys.size());
  const auto write = [&](const EntryView& entry) {
    call.reply.value(entry.value);
  };
  for (const std::string_view key : keys) {
    const auto outcome = call.keys.get(call.ns, key, {}, call.now, write);
    if (!outcome) {
      refuse_redis(call, outcome.error());  // in this item's place
      continue;
    }
    call.rests_on(outcome->ticket);
    if (!outcome->found) call.reply.null();
  }
}

void redis_setrange(RedisCall& call) {
  const std::string_view key = call.words[1];
  const std::string_view patch = call.words[3];
  std::int64_t offset = 0;
  if (!read_redis_integer(call.words[2], offset)) return call.reply.failure(kRedisNotAnInteger);
  if (offset < 0) return call.reply.failure("ERR offset is out of range");
  RedisValue value;
  const core::GetOptions peek{.touch = std::nullopt, .peek = true};
  if (!read_redis_value(call, key, peek, value)) return;
  if (value && value.view().kind == ValueKind::kJson) return call.reply.failure(kRedisWrongType);
  const std::string_view head = value ? value.bytes() : std::string_view();
  if (patch.empty()) return call.reply.integer(static_cast<std::int64_t>(head.size()));
  const auto begin = static_cast<std::uint64_t>(offset);
  if (begin > kValueBytesMaxCeiling || begin + patch.size() > kValueBytesMaxCeiling) {
    return call.reply.failure(kTooLong);
  }
  const std::size_t size = std::max<std::size_t>(head.size(), begin + patch.size());
  if (const std::size_t most = value_bytes_max(call); size > most) {
    return refuse_redis(call, too_large(size, most));
  }
  const auto outcome = store_patched(call, head, begin, patch, size);
  if (!outcome) return refuse_redis(call, outcome.error());
  call.rests_on(outcome->ticket);
  call.reply.integer(static_cast<std::int64_t>(size));
}

void redis_strlen(RedisCall& call) {
  std::size_t size = 0;
  const auto measure = [&](const EntryView& entry) {
    DecimalText digits{};
    size = redis_bytes(entry.value, digits).size();
  };
  const auto outcome = call.keys.get(call.ns, call.words[1], {}, call.now, measure);
  if (!outcome) return refuse_redis(call, outcome.error());
  call.rests_on(outcome->ticket);
  call.reply.integer(static_cast<std::int64_t>(size));
}

}  // namespace appmem::commands
