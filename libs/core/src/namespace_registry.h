#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <shared_mutex>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "appmem/base/error.h"
#include "appmem/base/limits.h"
#include "appmem/core/namespace.h"
#include "key_hash.h"

namespace appmem::core {

class MomentListener;

/// What all shards share about one namespace. Never freed while the store lives, so that an
/// operation may look at it before it has a lock.
struct NamespaceState {
  NamespaceState(std::uint16_t at, std::size_t home_shard)
      : index(at), home(home_shard), id_index(at) {}

  /// Names its parts in the shards, and its usage.
  const std::uint16_t index;
  /// The shard of all its keys while it is small.
  const std::size_t home;

  // Written with all shards locked (and the names); read with any shard, or the names, locked.
  bool alive = false;
  /// Of the id that it has at the moment; a swap gives it another one's.
  std::uint16_t id_index = 0;
  std::uint32_t generation = 0;
  std::string name;
  NamespaceSettings settings;
  std::size_t value_bytes_max = 0;
  /// Those who are reading it as it was at one moment: a list of them. Whoever is about to change
  /// an entry tells them what it was.
  MomentListener* moments = nullptr;

  /// Keys with a position below it live in the shard of their position, the others at home. Written
  /// with the home shard and the one that takes the keys locked, or with all.
  std::atomic<std::uint64_t> boundary{0};
  /// Taken by the thread that moves the boundary.
  std::atomic_flag spreading;
  /// Of what was put back an entry went because its deadline had passed, to make room for others.
  std::atomic<bool> reaped_restored{false};

  /// Odd. Written with all shards locked.
  std::atomic<std::uint64_t> stride{1};
  /// How many orders it has had since it was made.
  std::uint64_t orders = 0;

  /// Where a key with that hash stands in the order of the namespace, below kHashEnd: of tables,
  /// shards and scans. Each namespace has another order, or one that is filled in the order of
  /// another would be filled from one end (decision 0023).
  [[nodiscard]] std::uint64_t position_of(std::uint64_t hash) const {
    const std::uint64_t position = hash * stride.load(std::memory_order_relaxed);
    return position - static_cast<std::uint64_t>(position == kHashEnd);
  }

  /// Storage is told of its settings.
  [[nodiscard]] bool durable() const { return settings.persist != Persistence::kNone; }
  /// Storage is told of each change.
  [[nodiscard]] bool logged() const { return settings.persist == Persistence::kWal; }
  /// Whether what it uses must be known exactly at every write.
  [[nodiscard]] bool bounded() const { return settings.max_bytes || settings.max_keys; }
  [[nodiscard]] NamespaceId id() const { return {id_index, generation}; }
};

/// What a namespace uses in all shards together. Shards add what changed at once when the
/// namespace is bounded, otherwise when it has come to a few kilobytes.
struct NamespaceUsage {
  /// Entries as allocated, with their large values.
  std::atomic<std::int64_t> memory{0};
  std::atomic<std::int64_t> tables{0};
  std::atomic<std::int64_t> keys{0};
};

/// The namespaces by index and by name.
/// Thread safety: `state`, `usage` and those that say so from any thread; the others are called
/// with all shards locked.
class NamespaceRegistry {
 public:
  /// Bounds of what settings may ask for.
  struct Bounds {
    std::uint64_t memory_bytes = 0;
    std::size_t value_bytes_max = 0;
    bool sink = false;
    /// Of the orders of namespaces.
    std::uint64_t seed = 0;
  };

  NamespaceRegistry(const Bounds& bounds, std::size_t shards) : bounds_(bounds), shards_(shards) {}
  NamespaceRegistry(const NamespaceRegistry&) = delete;
  NamespaceRegistry& operator=(const NamespaceRegistry&) = delete;
  ~NamespaceRegistry();

  /// Any thread. The state that ids with `index` stand for, or stood for, or null. It stays that
  /// one while any shard is locked.
  [[nodiscard]] NamespaceState* state(std::size_t index) const {
    return index < kNamespacesMax ? states_[index].load(std::memory_order_acquire) : nullptr;
  }
  [[nodiscard]] NamespaceUsage& usage(std::size_t index) { return usage_[index]; }
  /// Any thread. Indexes from here on were never used.
  [[nodiscard]] std::size_t index_end() const { return end_.load(std::memory_order_acquire); }

  /// Any thread.
  [[nodiscard]] std::optional<NamespaceId> find(std::string_view name) const;
  [[nodiscard]] Result<NamespaceSettings> settings(NamespaceId id) const;
  /// Any thread. All, by name.
  [[nodiscard]] std::vector<std::pair<std::string, NamespaceId>> list() const;

  /// Whether `create` and `alter` would accept these; `replaced` is the namespace that they are
  /// for, or null. Errors: as Store::create_namespace.
  Result<void> check(const NamespaceSettings& settings, const NamespaceState* replaced) const;
  /// Errors: as Store::create_namespace.
  Result<void> check_new(std::string_view name, const NamespaceSettings& settings) const;

  /// Preconditions: check_new passed.
  NamespaceState& create(std::string_view name, const NamespaceSettings& settings);
  /// Preconditions: check passed.
  void alter(NamespaceState& state, const NamespaceSettings& settings);
  void drop(NamespaceState& state);
  /// Gives one that is empty another order; see NamespaceState::position_of().
  void reorder(NamespaceState& state) const;
  /// Each gets the other's id and name; settings, keys and counters stay with what they are of.
  /// Precondition: both are alive.
  void swap(NamespaceState& one, NamespaceState& other);

 private:
  void apply(NamespaceState& state, const NamespaceSettings& settings);
  [[nodiscard]] const NamespaceState* find_alive(NamespaceId id) const;

  const Bounds bounds_;
  const std::size_t shards_;
  std::array<std::atomic<NamespaceState*>, kNamespacesMax> states_{};
  std::array<NamespaceUsage, kNamespacesMax> usage_{};
  std::atomic<std::size_t> end_{0};

  mutable std::shared_mutex names_mutex_;
  std::map<std::string, std::uint16_t, std::less<>> names_;
};

}  // namespace appmem::core
