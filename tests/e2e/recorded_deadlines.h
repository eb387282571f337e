#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "killed_connection.h"

namespace appmem::test {

/// Writes keys with a deadline to a namespace with a log: until it has passed, a key is there, and
/// has that deadline; afterwards it never comes back.
class RecordedDeadlines final : public KilledConnection {
 public:
  using Clock = std::chrono::system_clock;
  using Time = std::chrono::time_point<Clock, std::chrono::milliseconds>;
  static constexpr const char* kPrefix = "t:";

  explicit RecordedDeadlines(std::uint64_t seed) : random_(seed) {}

  static Time now() {
    return std::chrono::time_point_cast<std::chrono::milliseconds>(Clock::now());
  }

  /// How long a key has to live; nothing when it is not there.
  using Ask = std::function<std::optional<std::chrono::milliseconds>(const std::string& key)>;
  /// Compares what a daemon holds after it was killed, of which `all` are the keys; what is wrong,
  /// if anything is.
  std::vector<std::string> settle(const std::vector<std::string>& all, const Ask& ask) {
    disconnect();
    settle_outstanding();
    std::vector<std::string> wrong;
    for (const std::string& key : all) {
      if (!records_.contains(key)) wrong.push_back("nobody wrote " + key);
    }
    for (auto it = records_.begin(); it != records_.end();) {
      const Time before = now();
      const auto left = ask(it->first);
      const Time after = now();
      if (auto problem = check(it->second, left, before, after)) {
        wrong.push_back(it->first + " " + *problem);
      }
      // What has ended once is looked at again at the next start.
      const bool is_over = !left && it->second.is_over;
      it->second.is_over = it->second.may_be_absent = !left;
      if (left) it->second.states = {{before + *left - kSlack, after + *left + kSlack}};
      it = is_over ? records_.erase(it) : std::next(it);
    }
    while (records_.size() > kKept) {
      gone_.push_back(records_.begin()->first);
      records_.erase(records_.begin());
    }
    return wrong;
  }
  /// Keys that are to be deleted: they are not looked after any more.
  std::vector<std::string> take_gone() { return std::exchange(gone_, {}); }

  [[nodiscard]] std::uint64_t kept() const { return kept_; }
  [[nodiscard]] std::uint64_t ended() const { return ended_; }

 private:
  /// Between two readings of clocks, of which one was turned from one kind into the other.
  static constexpr std::chrono::milliseconds kSlack{50};
  static constexpr std::size_t kKept = 100;
  static constexpr std::size_t kRecordsMax = 300;
  static constexpr std::size_t kPings = 8;

  /// When a key ends, not known exactly.
  struct State {
    Time from{};
    Time to{};
  };
  struct Record {
    /// The last one that was acknowledged, and what was sent behind it.
    std::vector<State> states{};
    bool may_be_absent = false;  // its making was not acknowledged
    bool is_over = false;
  };
  struct Request {
    std::string key;  // empty: one that changes nothing
    std::chrono::milliseconds ttl{0};
    Time issued{};
    std::uint64_t end = 0;
  };

  std::optional<std::string> check(const Record& record,
                                   std::optional<std::chrono::milliseconds> left, Time before,
                                   Time after) {
    const auto text = [&](const std::string& what) {
      std::string all = what + " at " + std::to_string(before.time_since_epoch().count());
      for (const State& state : record.states) {
        all += ", its end is " + std::to_string(state.from.time_since_epoch().count()) + " to " +
               std::to_string(state.to.time_since_epoch().count());
      }
      return all;
    };
    bool may_be_there = false;
    bool may_be_gone = record.may_be_absent;
    for (const State& state : record.states) {
      const bool fits = left && state.from <= after + *left && before + *left <= state.to;
      may_be_there |= fits;
      may_be_gone |= state.from <= after;
    }
    if (!left) {
      ++ended_;
      return may_be_gone ? std::nullopt : std::optional(text("is not there"));
    }
    ++kept_;
    if (record.is_over) return text("has come back");
    if (may_be_there) return std::nullopt;
    return text("has " + std::to_string(left->count()) + " ms to live");
  }

  void issue_more() override {
    if (!outstanding_.empty()) return;
    for (std::size_t i = 0; i < kPings; ++i)
      add({}, {}, R"({"op":"ping"})");
    if (records_.size() >= kRecordsMax) return;
    const std::string key = kPrefix + std::to_string(1'000'000 + ++issued_);
    const bool is_long = random_() % 2 == 0;
    const auto ttl = is_long ? kLong : some_time();
    add(key, ttl, R"({"op":"set","ns":"w","value":1,)" + end_of(key, ttl));
    if (!is_long || random_() % 2 == 0) return;
    const auto other = random_() % 2 == 0 ? some_time() : kLong + some_time();
    add(key, other, R"({"op":"expire","ns":"w",)" + end_of(key, other));
  }
  std::chrono::milliseconds some_time() { return std::chrono::milliseconds(1 + random_() % 1500); }
  static std::string end_of(const std::string& key, std::chrono::milliseconds ttl) {
    return R"("key":")" + key + R"(","ttl_ms":)" + std::to_string(ttl.count()) + "}";
  }
  void add(const std::string& key, std::chrono::milliseconds ttl, const std::string& request) {
    const Time issued = now();
    outstanding_.push_back({key, ttl, issued, put(request)});
  }
  void take_answer(const std::string& answer) override {
    if (outstanding_.empty()) return complain("an answer to nothing: " + answer);
    const Request request = std::move(outstanding_.front());
    outstanding_.pop_front();
    if (!answer.starts_with(R"({"ok":true)")) complain("a deadline was answered " + answer);
    if (request.key.empty()) return;
    Record& record = records_[request.key];
    record.states = {state_of(request)};
  }
  /// Of what was executed by now.
  static State state_of(const Request& request) {
    return {request.issued + request.ttl - kSlack, now() + request.ttl + kSlack};
  }
  void settle_outstanding() {
    for (const Request& request : outstanding_) {
      if (request.key.empty() || !was_sent(request.end)) continue;
      const auto [record, is_new] = records_.try_emplace(request.key);
      if (is_new) record->second.may_be_absent = true;
      record->second.states.push_back(state_of(request));
    }
    outstanding_.clear();
  }

  static constexpr std::chrono::milliseconds kLong{3'600'000};

  std::mt19937_64 random_;
  std::uint64_t issued_ = 0;
  std::deque<Request> outstanding_;
  std::map<std::string, Record> records_;
  std::vector<std::string> gone_;
  std::uint64_t kept_ = 0;
  std::uint64_t ended_ = 0;
};

}  // namespace appmem::test
