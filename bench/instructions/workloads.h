#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "request_path.h"

/// Fixed workloads for the way of a request: one kind of request for keys of 16 bytes chosen at
/// random, the same ones each time, among the entries that fill() has made.
namespace appmem::bench {

/// Requests of one pipeline.
inline constexpr std::size_t kPipeline = 16;

struct Workload {
  const char* name;
  std::string (*request)(std::size_t key);
  /// With which every answer of it begins.
  std::string_view answer;
};
std::span<const Workload> workloads();

/// A pipeline as it is received, for PathConnection::execute.
struct Input {
  std::string text;
  std::size_t bytes = 0;
};
std::vector<Input> inputs_of(const Workload& workload, std::size_t entries, std::size_t pipelines);

/// Stores `entries` values of 32 bytes and as many counters.
void fill(RequestPath& path, std::size_t entries);

}  // namespace appmem::bench
