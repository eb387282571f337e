#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <list>
#include <map>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include <gtest/gtest.h>
#include <zlib.h>

#include "appmem/core/store.h"
#include "store_fixture.h"
#include "support/random.h"

namespace appmem::core {

struct Request {
  std::string key;
  std::size_t value_bytes = 0;
};
using Trace = std::vector<Request>;

/// `key,size` lines after a header, compressed.
inline Trace read_trace(const std::string& path) {
  Trace trace;
  gzFile file = gzopen(path.c_str(), "rb");
  if (file == nullptr) {
    ADD_FAILURE() << path << ": cannot be opened";
    return trace;
  }
  std::array<char, 256> buffer{};
  const char* line = gzgets(file, buffer.data(), static_cast<int>(buffer.size()));
  EXPECT_TRUE(line != nullptr && std::string_view(line) == "key,size\n") << path;
  while ((line = gzgets(file, buffer.data(), static_cast<int>(buffer.size()))) != nullptr) {
    const std::string_view text(line);
    const std::size_t comma = text.find(',');
    trace.push_back(
        {std::string(text.substr(0, comma)), std::stoul(std::string(text.substr(comma + 1)))});
  }
  gzclose(file);
  return trace;
}

/// Independent requests for `keys` keys, the n-th most popular one in proportion to n^-exponent.
/// Values have from `bytes_min` to `bytes_max` bytes, each key always the same.
inline Trace zipf_trace(std::uint64_t seed, std::size_t keys, double exponent, std::size_t requests,
                        std::size_t bytes_min, std::size_t bytes_max) {
  test::Random random(seed);
  std::vector<double> until(keys);
  double sum = 0;
  for (std::size_t rank = 0; rank < keys; ++rank) {
    sum += std::pow(static_cast<double>(rank + 1), -exponent);
    until[rank] = sum;
  }
  std::vector<std::size_t> sizes(keys);
  for (std::size_t& size : sizes) {
    size = random.between(bytes_min, bytes_max);
  }
  Trace trace(requests);
  for (Request& request : trace) {
    const double point = static_cast<double>(random.below(1U << 30U)) / (1U << 30U) * sum;
    const auto rank = static_cast<std::size_t>(
        std::upper_bound(until.begin(), until.end() - 1, point) - until.begin());
    request = {"object:" + std::to_string(rank), sizes[rank]};
  }
  return trace;
}

/// What the store says an entry of these sizes takes, by sizes.
class AccountedBytes {
 public:
  std::size_t of(const Request& request) {
    const auto [it, added] =
        known_.try_emplace(std::pair{request.key.size(), request.value_bytes}, 0);
    if (added) {
      const std::string value(request.value_bytes, 'v');
      EXPECT_TRUE(store_.set(kDefaultNamespace, request.key, ValueView::from_bytes(value), {},
                             clock_.now()));
      const auto stats = store_.stats(kDefaultNamespace, request.key, clock_.now());
      if (stats && *stats) it->second = (*stats)->memory_bytes;
      EXPECT_GT(it->second, request.value_bytes);
    }
    return it->second;
  }

 private:
  test::ManualClock clock_;
  Store store_{{.max_memory_bytes = 64_MiB, .seed = 1}, clock_.now()};
  std::map<std::pair<std::size_t, std::size_t>, std::size_t> known_;
};

/// Hits of an exact LRU that holds `capacity_bytes`.
inline std::size_t exact_lru_hits(const Trace& trace, std::size_t capacity_bytes) {
  AccountedBytes bytes;
  std::list<const Request*> order;  // the most recently used first
  std::unordered_map<std::string_view, std::list<const Request*>::iterator> entries;
  std::size_t used = 0;
  std::size_t hits = 0;
  for (const Request& request : trace) {
    const auto it = entries.find(request.key);
    if (it != entries.end()) {
      ++hits;
      order.splice(order.begin(), order, it->second);
      continue;
    }
    used += bytes.of(request);
    while (used > capacity_bytes && !order.empty()) {
      used -= bytes.of(*order.back());
      entries.erase(order.back()->key);
      order.pop_back();
    }
    order.push_front(&request);
    entries.emplace(request.key, order.begin());
  }
  return hits;
}

/// Background work once in so many requests, as a busy daemon does it.
inline constexpr std::size_t kMaintainEvery = 100;

/// The store as a look-aside cache: get, and on a miss set.
class TraceTest : public StoreTest {
 protected:
  /// Hits of the default namespace under `settings`.
  std::size_t store_hits(const Trace& trace, std::size_t max_memory_bytes,
                         const NamespaceSettings& settings = {}) {
    restart({.max_memory_bytes = max_memory_bytes, .seed = 7});
    EXPECT_TRUE(store_->alter_namespace(ns_, settings, now()));
    std::size_t hits = 0;
    std::size_t count = 0;
    std::string value;
    for (const Request& request : trace) {
      if (count++ % kMaintainEvery == 0) {
        clock_.advance(milliseconds{1});
        store_->maintain(0, 1, now(), WorkBudget{});
      }
      const auto got = store_->get(ns_, request.key, {}, now(), [](const EntryView&) {});
      if (got && got->found) {
        ++hits;
        continue;
      }
      value.assign(request.value_bytes, 'v');
      const auto stored = set(request.key, value);
      if (!stored || store_->memory().used() > max_memory_bytes) {
        ADD_FAILURE() << (stored ? "over the limit" : stored.error().message);
        break;
      }
    }
    return hits;
  }
};

}  // namespace appmem::core
