#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "killed_connection.h"

/// A connection that writes to a daemon which may be killed at any moment, and knows afterwards
/// what may be there and what has to be.
namespace appmem::test {

/// Keys and their values as JSON texts.
using Content = std::map<std::string, std::string>;

/// Between these all connections move amounts, so that their sum stays as it is.
inline constexpr std::size_t kAccounts = 4;
using Amounts = std::array<std::int64_t, kAccounts>;

inline std::string account_key(std::size_t number) {
  return "account:" + std::to_string(number);
}
/// All of them raise it, each time by 1.
inline constexpr const char* kHitsKey = "hits";

/// Has keys of its own, which nobody else writes: what they hold tells how many of its requests
/// were executed. Requests are pipelined and executed in order, so that this is some first part of
/// them: at least all that were answered, at most all that were sent.
class RecordedWriter final : public KilledConnection {
 public:
  RecordedWriter(std::size_t number, std::uint64_t seed)
      : prefix_("c" + std::to_string(number) + ":"), random_(seed * 1000 + number) {}

  /// What a daemon holds of this connection's keys, after it was killed: goes on from there.
  /// Nothing, or what is wrong with it.
  std::optional<std::string> settle(const Content& found) {
    disconnect();
    std::optional<std::size_t> first;
    std::size_t count = 0;
    Content state = confirmed_;
    Amounts moved = moved_;
    std::int64_t hits = hits_;
    Settled settled;
    for (;; ++count) {
      if (state == found) {
        if (!first) {
          first = count;
          settled = {moved, hits, hits};
        }
        settled.hits_max = hits;
      }
      if (count == outstanding_.size() || !was_sent(outstanding_[count].end)) break;
      outstanding_[count].apply(state, moved, hits);
    }
    if (!first) return difference(found, state, count);
    settled_ = settled;
    executed_unanswered_ += *first;
    confirmed_ = predicted_ = found;
    moved_ = settled.moved;
    hits_ = 0;
    outstanding_.clear();
    return std::nullopt;
  }
  /// Of the last settle(): what this connection has moved altogether, and by how much it has raised
  /// the common counter since the settle() before.
  struct Settled {
    Amounts moved{};
    std::int64_t hits_min = 0;
    std::int64_t hits_max = 0;
  };
  [[nodiscard]] const Settled& settled() const { return settled_; }

  [[nodiscard]] const std::string& prefix() const { return prefix_; }
  [[nodiscard]] std::uint64_t answered() const { return answered_; }
  [[nodiscard]] std::uint64_t executed_unanswered() const { return executed_unanswered_; }

 private:
  static constexpr std::size_t kKeys = 40;
  static constexpr std::size_t kLogBytesMax = 400;
  /// More than a segment holds.
  static constexpr std::size_t kLargeBytes = 70'000;

  struct Write {
    std::vector<std::pair<std::string, std::optional<std::string>>> changes{};
    Amounts moves{};
    std::int64_t hits = 0;
    /// What the answer says of a counter.
    std::optional<std::int64_t> value = std::nullopt;
    std::uint64_t end = 0;  // where the request ends in what is sent

    void apply(Content& state, Amounts& moved, std::int64_t& hit) const {
      for (const auto& [key, to] : changes) {
        if (to) {
          state[key] = *to;
        } else {
          state.erase(key);
        }
      }
      for (std::size_t i = 0; i < kAccounts; ++i)
        moved[i] += moves[i];
      hit += hits;
    }
  };

  std::size_t between(std::size_t low, std::size_t high) {
    return low + random_() % (high - low + 1);
  }
  std::string some_key() { return prefix_ + "k" + std::to_string(random_() % kKeys); }
  /// No two are the same.
  std::string unique_value() {
    std::size_t bytes = between(0, 300);
    if (random_() % 400 == 0) bytes = kLargeBytes;
    return std::to_string(++unique_) + "." +
           std::string(bytes, static_cast<char>('a' + random_() % 26));
  }
  [[nodiscard]] std::int64_t predicted_number(const std::string& key) const {
    const auto found = predicted_.find(key);
    return found == predicted_.end() ? 0 : std::stoll(found->second);
  }
  static std::string quoted(const std::string& text) { return "\"" + text + "\""; }
  static std::string incr(const std::string& key, std::int64_t by) {
    return R"({"op":"incr","key":")" + key + R"(","by":)" + std::to_string(by) + "}";
  }
  static std::string set(const std::string& key, const std::string& value) {
    return R"({"op":"set","key":")" + key + R"(","value":")" + value + "\"}";
  }

  void issue(Write write, const std::string& request) {
    write.end = put(request);
    Amounts ignored{};
    std::int64_t hits = 0;
    write.apply(predicted_, ignored, hits);
    outstanding_.push_back(std::move(write));
  }

  void issue_any() {
    const std::size_t choice = between(0, 99);
    if (choice < 45) {
      const std::string key = some_key();
      const std::string value = unique_value();
      issue({.changes = {{key, quoted(value)}}}, set(key, value));
    } else if (choice < 55) {
      const std::string key = prefix_ + "count";
      const auto by = static_cast<std::int64_t>(between(1, 9));
      const std::int64_t sum = predicted_number(key) + by;
      issue({.changes = {{key, std::to_string(sum)}}, .value = sum}, incr(key, by));
    } else if (choice < 65) {
      issue_append();
    } else if (choice < 75) {
      const std::string key = some_key();
      issue({.changes = {{key, std::nullopt}}}, R"({"op":"del","key":")" + key + "\"}");
    } else if (choice < 85) {
      issue_pair();
    } else if (choice < 93) {
      issue_transfer();
    } else if (choice < 97) {
      issue_several();
    } else {
      issue({.hits = 1}, incr(kHitsKey, 1));
    }
  }
  void issue_append() {
    const std::string key = prefix_ + "log";
    const std::string piece = std::to_string(++unique_) + ";";
    const auto found = predicted_.find(key);
    if (found == predicted_.end() || found->second.size() > kLogBytesMax) {
      issue({.changes = {{key, quoted(piece)}}}, set(key, piece));
      return;
    }
    const std::string whole = found->second.substr(0, found->second.size() - 1) + piece + "\"";
    issue({.changes = {{key, whole}}},
          R"({"op":"append","key":")" + key + R"(","value":")" + piece + "\"}");
  }
  /// Two keys whose sum is always 0.
  void issue_pair() {
    const std::string left = prefix_ + "left";
    const std::string right = prefix_ + "right";
    const auto by = static_cast<std::int64_t>(between(1, 99));
    issue({.changes = {{left, std::to_string(predicted_number(left) + by)},
                       {right, std::to_string(predicted_number(right) - by)}}},
          R"({"op":"batch","ops":[)" + incr(left, by) + "," + incr(right, -by) + "]}");
  }
  /// Between keys of all, with a mark of its own that tells which transfers happened.
  void issue_transfer() {
    const std::size_t from = between(0, kAccounts - 1);
    const std::size_t to = (from + between(1, kAccounts - 1)) % kAccounts;
    const auto by = static_cast<std::int64_t>(between(1, 99));
    const std::string mark = prefix_ + "mark";
    const std::string value = std::to_string(++unique_);
    Write write{.changes = {{mark, quoted(value)}}};
    write.moves[from] = -by;
    write.moves[to] = by;
    issue(std::move(write), R"({"op":"batch","ops":[)" + incr(account_key(from), -by) + "," +
                                set(mark, value) + "," + incr(account_key(to), by) + "]}");
  }
  void issue_several() {
    Write write;
    std::vector<std::string> entries;
    const std::size_t first = between(0, kKeys - 3);
    for (std::size_t i = first; i < first + 3; ++i) {
      const std::string key = prefix_ + "k" + std::to_string(i);
      const std::string value = unique_value();
      write.changes.emplace_back(key, quoted(value));
      std::string entry = R"({"key":")" + key;
      entry += R"(","value":")" + value;
      entries.push_back(entry + "\"}");
    }
    issue(std::move(write),
          R"({"op":"mset","entries":[)" + entries[0] + "," + entries[1] + "," + entries[2] + "]}");
  }

  void connected() override {
    pipeline_ = between(1, 8);
    issue({}, R"({"op":"use","name":"w"})");
  }
  void issue_more() override {
    while (outstanding_.size() < pipeline_)
      issue_any();
  }
  void take_answer(const std::string& answer) override {
    if (outstanding_.empty()) return complain("an answer to nothing: " + answer);
    const Write& write = outstanding_.front();
    bool is_right = answer.starts_with(R"({"ok":true)");
    if (write.value) {
      is_right &=
          answer.find("\"value\":" + std::to_string(*write.value) + ",") != std::string::npos ||
          answer.find("\"value\":" + std::to_string(*write.value) + "}") != std::string::npos;
    }
    if (!is_right) complain(prefix_ + " was answered " + answer);
    write.apply(confirmed_, moved_, hits_);
    outstanding_.pop_front();
    ++answered_;
  }

  /// For people: how `found` differs from what was answered and from all that was sent.
  [[nodiscard]] std::string difference(const Content& found, const Content& all_sent,
                                       std::size_t unanswered) const {
    std::string text = "keys " + prefix_ + "* are in no state that they were ever in; " +
                       std::to_string(unanswered) + " requests were sent and not answered";
    const auto of = [](const Content& content, const std::string& key) {
      const auto it = content.find(key);
      return it == content.end() ? std::string("nothing") : it->second.substr(0, 60);
    };
    Content keys = found;
    keys.insert(confirmed_.begin(), confirmed_.end());
    for (const auto& [key, ignored] : keys) {
      if (of(found, key) == of(confirmed_, key)) continue;
      text += "\n  " + key + ": found " + of(found, key) + ", answered " + of(confirmed_, key) +
              ", all that was sent " + of(all_sent, key);
    }
    return text;
  }

  const std::string prefix_;
  std::mt19937_64 random_;
  std::size_t pipeline_ = 1;
  std::uint64_t unique_ = 0;

  Content confirmed_;  // after all that was answered
  Content predicted_;  // after all that was issued
  std::deque<Write> outstanding_;
  Amounts moved_{};
  std::int64_t hits_ = 0;
  Settled settled_;
  std::uint64_t answered_ = 0;
  std::uint64_t executed_unanswered_ = 0;
};

}  // namespace appmem::test
