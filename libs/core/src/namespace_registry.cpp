#include "namespace_registry.h"

#include <algorithm>
#include <mutex>

#include "appmem/base/check.h"
#include "appmem/base/namespace_name.h"
#include "appmem/base/units.h"

namespace appmem::core {
namespace {

Result<void> check_name(std::string_view name) {
  const std::string_view complaint = namespace_name_complaint(name);
  if (!complaint.empty()) return fail(ErrorCode::kInvalidRequest, std::string(complaint));
  return {};
}

}  // namespace

NamespaceRegistry::~NamespaceRegistry() {
  for (const auto& state : states_)
    delete state.load(std::memory_order_relaxed);
}

std::optional<NamespaceId> NamespaceRegistry::find(std::string_view name) const {
  const std::shared_lock lock(names_mutex_);
  const auto found = names_.find(name);
  if (found == names_.end()) return std::nullopt;
  return state(found->second)->id();
}

const NamespaceState* NamespaceRegistry::find_alive(NamespaceId id) const {
  const NamespaceState* found = state(id.index);
  return found != nullptr && found->alive && found->generation == id.generation ? found : nullptr;
}

Result<NamespaceSettings> NamespaceRegistry::settings(NamespaceId id) const {
  const std::shared_lock lock(names_mutex_);
  const NamespaceState* found = find_alive(id);
  if (found == nullptr) return fail(ErrorCode::kNotFound, "no such namespace");
  return found->settings;
}

std::vector<std::pair<std::string, NamespaceId>> NamespaceRegistry::list() const {
  const std::shared_lock lock(names_mutex_);
  std::vector<std::pair<std::string, NamespaceId>> all;
  all.reserve(names_.size());
  for (const auto& [name, index] : names_)
    all.emplace_back(name, state(index)->id());
  return all;
}

Result<void> NamespaceRegistry::check(const NamespaceSettings& settings,
                                      const NamespaceState* replaced) const {
  const std::uint64_t limit = bounds_.memory_bytes;
  if (settings.max_bytes && *settings.max_bytes > limit) {
    return fail(ErrorCode::kTooLarge,
                "max_bytes is over the store's limit of " + format_byte_size(limit));
  }
  if (settings.reserved_bytes > limit) {
    return fail(ErrorCode::kTooLarge,
                "reserved_bytes is over the store's limit of " + format_byte_size(limit));
  }
  if (settings.max_bytes && settings.reserved_bytes > *settings.max_bytes) {
    return fail(ErrorCode::kInvalidRequest, "reserved_bytes is over max_bytes");
  }
  if (settings.max_value_bytes && *settings.max_value_bytes > kValueBytesMaxCeiling) {
    return fail(ErrorCode::kTooLarge,
                "max_value_bytes is over the limit of " + format_byte_size(kValueBytesMaxCeiling));
  }
  if (settings.default_ttl &&
      (settings.default_ttl->count() < 1 || *settings.default_ttl > kTtlMax)) {
    return fail(ErrorCode::kInvalidRequest, "default_ttl_ms is not between 1 and 100 years");
  }
  if (settings.persist != Persistence::kNone && !bounds_.sink) {
    return fail(ErrorCode::kUnavailable, "this store has no log, so persist must be none");
  }
  std::uint64_t reserved = settings.reserved_bytes;
  for (std::size_t index = 0; index < index_end(); ++index) {
    const NamespaceState& other = *state(index);
    if (other.alive && &other != replaced) reserved += other.settings.reserved_bytes;
  }
  if (reserved > limit) {
    return fail(ErrorCode::kOutOfMemory,
                "all reserved_bytes together would be over the store's limit of " +
                    format_byte_size(limit));
  }
  return {};
}

Result<void> NamespaceRegistry::check_new(std::string_view name,
                                          const NamespaceSettings& settings) const {
  if (auto named = check_name(name); !named) return named;
  {
    const std::shared_lock lock(names_mutex_);
    if (names_.find(name) != names_.end()) {
      return fail(ErrorCode::kExists, "the namespace exists already");
    }
    if (names_.size() >= kNamespacesMax) {
      return fail(ErrorCode::kTooLarge,
                  "there are " + std::to_string(kNamespacesMax) + " namespaces already, the limit");
    }
  }
  return check(settings, nullptr);
}

NamespaceState& NamespaceRegistry::create(std::string_view name,
                                          const NamespaceSettings& settings) {
  std::size_t index = 0;
  while (index < index_end() && state(index)->alive)
    ++index;
  APPMEM_CHECK(index < kNamespacesMax);
  const std::unique_lock lock(names_mutex_);
  if (index == index_end()) {
    // Fibonacci hashing: neighbours live apart.
    const std::size_t home = static_cast<std::size_t>(index * 0x9e3779b97f4a7c15U >> 32U) % shards_;
    auto made = std::make_unique<NamespaceState>(static_cast<std::uint16_t>(index), home);
    states_[index].store(made.release(), std::memory_order_release);
    end_.store(index + 1, std::memory_order_release);
  }
  NamespaceState& made = *state(index);
  made.alive = true;
  made.name = name;
  made.boundary.store(0, std::memory_order_release);
  made.orders = 0;
  reorder(made);
  made.reaped_restored.store(false, std::memory_order_relaxed);
  apply(made, settings);
  names_.emplace(made.name, made.id_index);
  return made;
}

void NamespaceRegistry::alter(NamespaceState& state, const NamespaceSettings& settings) {
  const std::unique_lock lock(names_mutex_);
  apply(state, settings);
}

void NamespaceRegistry::reorder(NamespaceState& state) const {
  const std::uint64_t seed = bounds_.seed + state.orders++;
  state.stride.store(hash_key(state.name, seed) | 1U, std::memory_order_relaxed);
}

void NamespaceRegistry::drop(NamespaceState& state) {
  const std::unique_lock lock(names_mutex_);
  names_.erase(state.name);
  state.alive = false;
  ++state.generation;
  state.boundary.store(0, std::memory_order_release);
}

void NamespaceRegistry::swap(NamespaceState& one, NamespaceState& other) {
  const std::unique_lock lock(names_mutex_);
  std::swap(one.name, other.name);
  std::swap(one.id_index, other.id_index);
  std::swap(one.generation, other.generation);
  states_[one.id_index].store(&one, std::memory_order_release);
  states_[other.id_index].store(&other, std::memory_order_release);
}

void NamespaceRegistry::apply(NamespaceState& state, const NamespaceSettings& settings) {
  state.settings = settings;
  state.value_bytes_max = settings.max_value_bytes
                              ? static_cast<std::size_t>(*settings.max_value_bytes)
                              : bounds_.value_bytes_max;
}

}  // namespace appmem::core
