#include <algorithm>
#include <cstdint>
#include <string>
#include <vector>

#include "expiry_argument.h"
#include "kept_value.h"
#include "key_operation.h"
#include "value_form.h"

/// Operations on one key or several: del, exists, mget and mset. With several keys they run inside
/// an atomic step.
namespace appmem::commands {
namespace {

using core::CommitTicket;
using core::EntryView;
using protocol::EntryArgument;
using protocol::Field;

/// The keys that a request names with `key` or `keys`. Lifetime: this object's and the request's.
class NamedKeys {
 public:
  explicit NamedKeys(const protocol::Arguments& args) {
    if (const protocol::Argument* key = args.find(Field::kKey)) {
      single_ = key->bytes;
      keys_ = {&single_, 1};
    } else {
      keys_ = args.keys(Field::kKeys);
    }
  }
  NamedKeys(const NamedKeys&) = delete;
  NamedKeys& operator=(const NamedKeys&) = delete;
  ~NamedKeys() = default;

  [[nodiscard]] std::span<const std::string_view> keys() const { return keys_; }

 private:
  std::string_view single_;
  std::span<const std::string_view> keys_;
};

/// The error of one item of a list, with its position.
tl::unexpected<Error> fail_at(std::uint32_t index, const Error& error) {
  return fail(Error{error.code, "entries[" + std::to_string(index) + "]: " + error.message, index});
}

/// A key that comes twice has one version in the end, which is reported for each mention.
void unify_versions(std::span<const EntryArgument> entries, std::vector<core::Version>& versions) {
  std::vector<std::uint32_t> order(entries.size());
  for (std::uint32_t i = 0; i < order.size(); ++i)
    order[i] = i;
  std::stable_sort(order.begin(), order.end(), [&](std::uint32_t a, std::uint32_t b) {
    return entries[a].key < entries[b].key;
  });
  for (std::size_t i = order.size() - 1; i > 0; --i) {
    if (entries[order[i - 1]].key == entries[order[i]].key) {
      versions[order[i - 1]] = versions[order[i]];
    }
  }
}

constexpr core::GetOptions kPeek{.touch = std::nullopt, .peek = true};

constexpr auto kIgnoreEntry = [](const EntryView& /*entry*/) {
};

Result<void> check_all_absent(KeyCall& call, std::span<const EntryArgument> entries) {
  std::uint32_t index = 0;
  for (const EntryArgument& entry : entries) {
    auto outcome = call.keys.get(call.ns, entry.key, kPeek, call.now, kIgnoreEntry);
    if (!outcome) return fail_at(index, outcome.error());
    if (outcome->found) return fail_at(index, {ErrorCode::kExists, "the key exists", index});
    ++index;
  }
  return {};
}

}  // namespace

Result<CommitTicket> delete_entries(KeyCall& call) {
  const NamedKeys named(call.args);
  core::RemoveOptions options;
  if (const auto version = call.args.integer(Field::kIfVersion)) {
    options.if_version = static_cast<core::Version>(*version);
  }
  const bool return_old = call.args.flag(Field::kReturnOld);
  if ((options.if_version || return_old) && !call.args.has(Field::kKey)) {
    return fail(ErrorCode::kInvalidRequest, "if_version and return_old go with key, not with keys");
  }
  KeptValue old;
  const auto keep = [&](const EntryView& entry) {
    old.keep(entry.value);
  };
  const core::EntryVisitor visitor(keep);
  if (return_old) options.old = &visitor;

  std::uint64_t deleted = 0;
  CommitTicket ticket = 0;
  for (const std::string_view key : named.keys()) {
    auto outcome = call.keys.remove(call.ns, key, options, call.now);
    if (!outcome) return fail(std::move(outcome).error());
    if (outcome->removed) ++deleted;
    ticket = std::max(ticket, outcome->ticket);
  }
  call.reply.unsigned_integer(Field::kDeleted, deleted);
  if (old) call.reply.value(Field::kOld, old.view());
  return ticket;
}

Result<CommitTicket> count_existing(KeyCall& call) {
  const NamedKeys named(call.args);
  std::span<const std::string_view> keys = named.keys();
  std::vector<std::string_view> distinct;
  if (keys.size() > 1) {
    distinct.assign(keys.begin(), keys.end());
    std::sort(distinct.begin(), distinct.end());
    distinct.erase(std::unique(distinct.begin(), distinct.end()), distinct.end());
    keys = distinct;
  }
  std::uint64_t count = 0;
  CommitTicket ticket = 0;
  for (const std::string_view key : keys) {
    auto outcome = call.keys.get(call.ns, key, kPeek, call.now, kIgnoreEntry);
    if (!outcome) return fail(std::move(outcome).error());
    if (outcome->found) ++count;
    ticket = std::max(ticket, outcome->ticket);
  }
  call.reply.unsigned_integer(Field::kCount, count);
  return ticket;
}

Result<CommitTicket> get_entries(KeyCall& call) {
  CommitTicket ticket = 0;
  call.reply.begin_list(Field::kValues);
  const auto write = [&](const EntryView& entry) {
    call.reply.boolean(Field::kFound, true);
    call.reply.value(Field::kValue, entry.value);
    call.reply.unsigned_integer(Field::kVersion, entry.version);
  };
  for (const std::string_view key : call.args.keys(Field::kKeys)) {
    call.reply.begin_item_object();
    auto outcome = call.keys.get(call.ns, key, {}, call.now, write);
    if (!outcome) return fail(std::move(outcome).error());
    if (!outcome->found) call.reply.boolean(Field::kFound, false);
    call.reply.end_item_object();
    if (call.limit != nullptr) {
      if (auto within = call.limit->check(call.reply); !within) {
        return fail(std::move(within).error());
      }
    }
    ticket = std::max(ticket, outcome->ticket);
  }
  call.reply.end_list();
  return ticket;
}

Result<CommitTicket> set_entries(KeyCall& call) {
  const std::span<const EntryArgument> entries = call.args.entries(Field::kEntries);
  // Conditions hold of the moment before the request, also for a key that comes twice.
  if (call.args.flag(Field::kIfAbsent)) {
    if (auto absent = check_all_absent(call, entries); !absent) {
      return fail(std::move(absent).error());
    }
  }
  std::vector<core::Version> versions;
  versions.reserve(entries.size());
  CommitTicket ticket = 0;
  for (const EntryArgument& entry : entries) {
    const auto index = static_cast<std::uint32_t>(versions.size());
    auto expiry = expiry_of_entry(entry.ttl_ms, call.now);
    if (!expiry) return fail_at(index, expiry.error());
    core::SetOptions options;
    options.expiry = *expiry;
    auto outcome =
        call.keys.set(call.ns, entry.key, stored_form(call.type, entry.value), options, call.now);
    if (!outcome) return fail_at(index, outcome.error());
    versions.push_back(outcome->version);
    ticket = std::max(ticket, outcome->ticket);
  }
  if (versions.size() > 1) unify_versions(entries, versions);
  call.reply.begin_list(Field::kVersions);
  for (const core::Version version : versions)
    call.reply.item_unsigned(version);
  call.reply.end_list();
  return ticket;
}

}  // namespace appmem::commands
