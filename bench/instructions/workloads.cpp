#include "workloads.h"

#include <initializer_list>

#include "appmem/base/check.h"
#include "appmem/protocol/codec.h"

namespace appmem::bench {
namespace {

constexpr std::size_t kValueBytes = 32;

/// Steele, Lea and Flood's SplitMix64.
class KeyNumbers {
 public:
  explicit KeyNumbers(std::size_t end) : end_(end) {}

  std::size_t next() {
    state_ += 0x9E3779B97F4A7C15U;
    std::uint64_t z = state_;
    z = (z ^ (z >> 30U)) * 0xBF58476D1CE4E5B9U;
    z = (z ^ (z >> 27U)) * 0x94D049BB133111EBU;
    return static_cast<std::size_t>((z ^ (z >> 31U)) % end_);
  }

 private:
  const std::size_t end_;
  std::uint64_t state_ = 1;
};

std::string key_of(std::string_view prefix, std::size_t number) {
  std::string digits = std::to_string(number);
  return std::string(prefix) + std::string(12 - digits.size(), '0') + digits;  // 16 bytes
}

std::string resp(std::initializer_list<std::string_view> words) {
  std::string text = '*' + std::to_string(words.size()) + "\r\n";
  for (const std::string_view word : words) {
    text += '$' + std::to_string(word.size()) + "\r\n";
    text.append(word).append("\r\n");
  }
  return text;
}

const std::string kValue(kValueBytes, 'x');

std::string resp_get(std::size_t key) {
  return resp({"GET", key_of("key:", key)});
}
std::string resp_set(std::size_t key) {
  return resp({"SET", key_of("key:", key), kValue});
}
std::string resp_incr(std::size_t key) {
  return resp({"INCR", key_of("num:", key)});
}
std::string json_get(std::size_t key) {
  return R"({"op":"get","key":")" + key_of("key:", key) + "\"}\n";
}
std::string json_set(std::size_t key) {
  return R"({"op":"set","key":")" + key_of("key:", key) + R"(","value":")" + kValue + "\"}\n";
}
std::string json_incr(std::size_t key) {
  return R"({"op":"incr","key":")" + key_of("num:", key) + "\"}\n";
}

constexpr std::array kAll{
    Workload{"resp_get", resp_get, "$32\r\n"},
    Workload{"resp_set", resp_set, "+OK\r\n"},
    Workload{"resp_incr", resp_incr, ":"},
    Workload{"json_get", json_get, R"({"ok":true,"found":true)"},
    Workload{"json_set", json_set, R"({"ok":true,)"},
    Workload{"json_incr", json_incr, R"({"ok":true,"value":)"},
};

}  // namespace

std::span<const Workload> workloads() {
  return kAll;
}

std::vector<Input> inputs_of(const Workload& workload, std::size_t entries, std::size_t pipelines) {
  KeyNumbers keys(entries);
  std::vector<Input> inputs(pipelines);
  for (Input& input : inputs) {
    for (std::size_t i = 0; i < kPipeline; ++i)
      input.text += workload.request(keys.next());
    input.bytes = input.text.size();
    input.text.resize(input.bytes + protocol::kInputPadding);
  }
  return inputs;
}

void fill(RequestPath& path, std::size_t entries) {
  PathConnection connection(path);
  for (std::size_t key = 0; key < entries; ++key) {
    std::string input = resp_set(key) + resp({"SET", key_of("num:", key), "1000"});
    const std::size_t bytes = input.size();
    input.resize(bytes + protocol::kInputPadding);
    connection.execute(input, bytes);
    if (key % 1'000 == 0) path.store.maintain(0, 1, path.now, core::WorkBudget{});
  }
  while (path.store.maintain(0, 1, path.now, core::WorkBudget{})) {
  }
  APPMEM_CHECK(path.store.store_stats(path.now).keys == 2 * entries);
}

}  // namespace appmem::bench
