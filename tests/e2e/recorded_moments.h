#pragma once

#include <algorithm>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <string>

#include "killed_connection.h"

namespace appmem::test {

/// Writes to a namespace that is kept as snapshots. Step n gives several keys the number n in one
/// batch, and then another key; so the keys of any one moment tell which step it was in.
class RecordedMoments final : public KilledConnection {
 public:
  static constexpr const char* kNamespace = "s";

  explicit RecordedMoments(std::size_t number) : prefix_("m" + std::to_string(number) + ":") {}

  [[nodiscard]] const std::string& prefix() const { return prefix_; }
  /// Snapshots that a `checkpoint` has acknowledged.
  [[nodiscard]] std::uint64_t acknowledged() const { return acknowledged_; }

  /// What a daemon holds of this connection's keys, as JSON texts, after it was killed: goes on
  /// from there. Nothing, or what is wrong with it.
  std::optional<std::string> settle(const std::map<std::string, std::string>& found) {
    disconnect();
    const auto number_of = [&](const std::string& key) -> std::uint64_t {
      const auto one = found.find(prefix_ + key);
      return one == found.end() ? 0 : std::stoull(one->second);
    };
    const std::uint64_t step = number_of("0");
    std::uint64_t newest = answered_;
    for (const Request& request : outstanding_) {
      if (was_sent(request.end)) newest = std::max(newest, request.step);
    }
    std::string wrong;
    for (std::size_t i = 1; i < kTogether; ++i) {
      if (number_of(std::to_string(i)) != step) wrong = "a batch is half there";
    }
    const std::uint64_t behind = number_of("behind");
    const bool is_first = step == first_ || step == base_.step;
    const bool fits = behind == step || behind + 1 == step || (is_first && behind == base_.behind);
    if (!fits) wrong = "two moments are mixed";
    if (found.size() > kTogether + 1) wrong = "there are keys that nobody wrote";
    if (step < safe_) wrong = "it is older than the last snapshot that was acknowledged";
    if (step > newest) wrong = "it is newer than what was written";
    if (!wrong.empty()) {
      wrong += ": step " + std::to_string(step) + ", behind it " + std::to_string(behind) +
               "; acknowledged " + std::to_string(safe_) + ", sent " + std::to_string(newest);
      for (const auto& [key, value] : found)
        wrong.append("\n  ").append(key).append(": ").append(value);
      return wrong;
    }
    // What was there is on the disk. Numbers of steps that are lost do not come again, so that an
    // old file is not taken for a new one.
    safe_ = step;
    issued_ = answered_ = std::max(newest, issued_);
    base_ = {step, behind};
    first_ = issued_ + 1;
    outstanding_.clear();
    return std::nullopt;
  }

 private:
  static constexpr std::size_t kTogether = 6;
  static constexpr std::size_t kPipeline = 4;
  /// A checkpoint is asked for each so many steps.
  static constexpr std::uint64_t kSteps = 150;

  struct Request {
    std::uint64_t step = 0;  // all before it is in the checkpoint
    bool is_checkpoint = false;
    std::uint64_t end = 0;
  };

  void issue_more() override {
    while (outstanding_.size() < kPipeline)
      issue_step();
  }
  void issue_step() {
    ++issued_;
    const std::string number = std::to_string(issued_);
    const auto set = [&](const std::string& key) {
      return R"({"op":"set","ns":"s","key":")" + prefix_ + key + R"(","value":)" + number + "}";
    };
    std::string batch;
    for (std::size_t i = 0; i < kTogether; ++i)
      batch += (i == 0 ? "" : ",") + set(std::to_string(i));
    add(R"({"op":"batch","ops":[)" + batch + "]}", false);
    add(set("behind"), false);
    if (issued_ % kSteps == 0) add(R"({"op":"checkpoint"})", true);
  }
  void add(const std::string& request, bool is_checkpoint) {
    outstanding_.push_back({issued_, is_checkpoint, put(request)});
  }
  void take_answer(const std::string& answer) override {
    if (outstanding_.empty()) return complain("an answer to nothing: " + answer);
    const Request& request = outstanding_.front();
    if (!answer.starts_with(R"({"ok":true)")) complain(prefix_ + " was answered " + answer);
    answered_ = std::max(answered_, request.step);
    if (request.is_checkpoint) {
      safe_ = std::max(safe_, request.step);
      ++acknowledged_;
    }
    outstanding_.pop_front();
  }

  const std::string prefix_;
  std::uint64_t issued_ = 0;
  std::uint64_t answered_ = 0;
  /// Of the last settle(), and the first step since.
  struct Base {
    std::uint64_t step = 0;
    std::uint64_t behind = 0;
  };
  Base base_;
  std::uint64_t first_ = 1;
  std::uint64_t safe_ = 0;  // this step or a later one is on the disk
  std::deque<Request> outstanding_;
  std::uint64_t acknowledged_ = 0;
};

}  // namespace appmem::test
