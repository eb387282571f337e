#include <algorithm>
#include <array>
#include <chrono>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <exception>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "directory_watch.h"
#include "recorded_deadlines.h"
#include "recorded_moments.h"
#include "recorded_writer.h"
#include "support/line_socket.h"
#include "support/process.h"
#include "support/random.h"

/// The real daemon is killed under load, again and again on the same directory, at points found by
/// watching its files: what was acknowledged is there after the next start, and nothing else, but
/// for what was under way; deadlines are kept; and what is kept as snapshots is as it was at one
/// moment, not before the last snapshot that was acknowledged. APPMEM_TEST_SCALE multiplies the
/// kills, APPMEM_KILL_SECONDS goes on so long.
namespace appmem {
namespace {

using namespace std::chrono_literals;
using test::Content;
using test::DirectoryWatch;
using test::KilledConnection;
using test::RecordedDeadlines;
using test::RecordedMoments;
using test::RecordedWriter;
using test::Remains;

constexpr std::size_t kWriters = 16;
constexpr std::size_t kMomentWriters = 2;
/// Entries among which those of the moments lie, so that a snapshot takes its time.
constexpr std::size_t kBallast = 2000;
constexpr std::uint64_t kKills = 8;
/// A kill that comes too late for its point is tried again, so often at most for each that is due.
constexpr std::uint64_t kTriesMax = 5;
/// Then the next ones happen in a new directory.
constexpr std::uint64_t kKillsInDirectory = 50;
/// A point that has not been reached by then is a moment like any other.
constexpr auto kPatience = 2s;

enum class Aim : std::uint8_t { kCheckpoint, kCompaction, kRotation, kMoment };
constexpr std::array<Aim, 4> kAims{Aim::kRotation, Aim::kCheckpoint, Aim::kCompaction,
                                   Aim::kMoment};
/// A process that is killed loses nothing that the system has, whatever `--sync` says.
constexpr std::array<const char*, 5> kSyncs{"always", "always", "interval", "always", "os"};

/// Where a daemon is to be killed.
struct Plan {
  Aim aim = Aim::kMoment;
  std::chrono::milliseconds from{0};   // before, nothing is looked at
  std::size_t event = 1;               // the how manieth from then on
  std::chrono::microseconds delay{0};  // behind it
  bool at_removal = false;             // of kCompaction: when the first file goes

  static Plan any(Aim aim, test::Random& random) {
    Plan plan{.aim = aim};
    const bool at_once = random.one_in(3);
    const auto delay = [&](std::uint64_t most) {
      return std::chrono::microseconds(at_once ? 0 : random.below(most));
    };
    plan.from = std::chrono::milliseconds(random.below(150));
    if (aim == Aim::kMoment) plan.from = std::chrono::milliseconds(random.between(1, 500));
    if (aim == Aim::kRotation) {
      plan.event = random.between(2, 5);
      plan.delay = delay(1500);
    }
    if (aim == Aim::kCheckpoint) plan.delay = delay(60'000);
    if (aim == Aim::kCompaction) {
      plan.at_removal = random.one_in(2);
      plan.delay = plan.at_removal ? 0us : delay(1000);
    }
    return plan;
  }

  void wait(DirectoryWatch& watch) const {
    using Event = DirectoryWatch::Event;
    const auto begin = DirectoryWatch::Clock::now();
    std::this_thread::sleep_until(begin + from);
    if (aim == Aim::kMoment) return;
    watch.read_events();
    Event what = Event::kSegment;
    if (aim == Aim::kCheckpoint) what = Event::kUnfinished;
    if (aim == Aim::kCompaction) what = Event::kCheckpoint;
    const auto deadline = begin + kPatience;
    for (std::size_t i = 0; i < event; ++i) {
      if (!watch.wait_for(what, deadline)) return;
    }
    if (at_removal) watch.wait_for(Event::kRemoval, deadline);
    if (delay > 0us) std::this_thread::sleep_for(delay);
  }
};

/// One data directory, its daemons one after the other, and what the connections know of it.
class Session {
 public:
  Session(const std::string& directory, std::uint64_t seed, test::Random& random)
      : directory_(directory), random_(random), deadlines_(seed) {
    std::filesystem::create_directory(directory_);
    for (std::size_t i = 0; i < kWriters; ++i)
      writers_.push_back(std::make_unique<RecordedWriter>(i, seed));
    for (std::size_t i = 0; i < kMomentWriters; ++i)
      moments_.push_back(std::make_unique<RecordedMoments>(i));
    for (auto& writer : writers_)
      connections_.push_back(writer.get());
    for (auto& writer : moments_)
      connections_.push_back(writer.get());
    connections_.push_back(&deadlines_);
  }

  /// Starts a daemon, and compares what it holds with what it must.
  void start(const std::string& sync) {
    const std::array<const char*, 3> rates{"0", "1MiB", "4MiB"};
    const std::array<const char*, 3> lengths{"never", "64B", "1KiB"};
    options_ = {"--data-dir",
                directory_,
                "--segment-size",
                "64KiB",
                "--checkpoint-interval",
                "1s",
                "--sync",
                sync,
                "--compaction-rate",
                rates.at(random_.below(rates.size())),
                "--compress-above",
                lengths.at(random_.below(lengths.size()))};
    keep_copy();
    kill_starts();
    daemon_.emplace(options_);
    test::LineSocket socket(daemon_->socket());
    if (!is_made_) {
      ask(socket,
          R"({"op":"ns.create","name":"w","persist":"wal","eviction":"none","if_absent":true})");
      for (std::size_t i = 0; i < test::kAccounts; ++i)
        ask(socket, R"({"op":"set","ns":"w","key":")" + test::account_key(i) + R"(","value":0})");
      make_ballast(socket);
      is_made_ = true;
    }
    compare(socket);
    compare_moments(socket);
  }

  /// Lets all connections write until a daemon that is killed by `plan` is dead.
  Remains kill(const Plan& plan) {
    DirectoryWatch watch(directory_);
    for (KilledConnection* connection : connections_)
      connection->connect(daemon_->socket());
    std::thread killer([&] {
      plan.wait(watch);
      daemon_->process().signal(SIGKILL);
    });
    write_until_it_is_dead();
    killer.join();
    EXPECT_EQ(daemon_->stop(), -SIGKILL) << daemon_->process().errors();
    daemon_.reset();
    watch.read_events();
    for (const KilledConnection* connection : connections_)
      EXPECT_EQ(connection->complaint(), "");
    return Remains::of(directory_, watch);
  }

  void stop() {
    EXPECT_EQ(daemon_->stop(), 0) << daemon_->process().errors();
    daemon_.reset();
  }

  /// What a failed start or comparison had before it: where it is kept.
  std::string keep_evidence(std::uint64_t seed) const {
    const std::string kept =
        "/tmp/appmem-killed-" + std::to_string(seed) + "-" + std::to_string(::getpid());
    const auto all = std::filesystem::copy_options::recursive;
    std::error_code ignored;  // the failure itself is what matters
    std::filesystem::copy(before(), kept + "-before", all, ignored);
    std::filesystem::copy(directory_, kept + "-after", all, ignored);
    return kept + "-before and -after";
  }

  [[nodiscard]] std::uint64_t starts_killed() const { return starts_killed_; }
  [[nodiscard]] const RecordedDeadlines& deadlines() const { return deadlines_; }
  [[nodiscard]] std::uint64_t snapshots() const {
    std::uint64_t all = 0;
    for (const auto& writer : moments_)
      all += writer->acknowledged();
    return all;
  }
  [[nodiscard]] std::uint64_t answered() const { return sum(&RecordedWriter::answered); }
  [[nodiscard]] std::uint64_t executed_unanswered() const {
    return sum(&RecordedWriter::executed_unanswered);
  }

 private:
  static nlohmann::json ask(test::LineSocket& socket, const std::string& request) {
    auto answer = nlohmann::json::parse(socket.ask(request));
    EXPECT_TRUE(answer["ok"].get<bool>()) << request << " was answered " << answer.dump();
    return answer;
  }
  [[nodiscard]] std::string before() const { return directory_ + ".before"; }

  static void make_ballast(test::LineSocket& socket) {
    ask(socket,
        R"({"op":"ns.create","name":"s","persist":"snapshot","eviction":"none","if_absent":true})");
    std::string entries;
    for (std::size_t i = 0; i < kBallast; ++i) {
      entries += (i == 0 ? "" : ",") + (R"({"key":"b:)" + std::to_string(i)) + R"(","value":")" +
                 std::string(60, 'b') + "\"}";
    }
    ask(socket, R"({"op":"mset","ns":"s","entries":[)" + entries + "]}");
    ask(socket, R"({"op":"checkpoint"})");
  }

  void keep_copy() const {
    std::filesystem::remove_all(before());
    std::filesystem::copy(directory_, before(), std::filesystem::copy_options::recursive);
  }

  /// A start is killed as well, now and then.
  void kill_starts() {
    while (is_made_ && random_.one_in(4)) {
      test::ProcessOptions start;
      start.arguments = {test::binary_dir() / "appmemd", "--socket", directory_ + ".socket"};
      start.arguments.insert(start.arguments.end(), options_.begin(), options_.end());
      test::Process process(start);
      std::this_thread::sleep_for(std::chrono::microseconds(random_.below(40'000)));
      process.signal(SIGKILL);
      EXPECT_EQ(process.wait(), -SIGKILL) << process.errors();
      ++starts_killed_;
    }
  }

  void write_until_it_is_dead() {
    std::vector<pollfd> waits(connections_.size());
    for (;;) {
      bool is_alive = false;
      for (std::size_t i = 0; i < waits.size(); ++i) {
        waits[i] = connections_[i]->interest();
        is_alive |= waits[i].fd >= 0;
      }
      if (!is_alive) return;
      ::poll(waits.data(), waits.size(), -1);
      for (std::size_t i = 0; i < waits.size(); ++i) {
        if (waits[i].revents != 0) connections_[i]->turn();
      }
    }
  }

  static Content content(test::LineSocket& socket, const std::string& ns) {
    Content found;
    std::string cursor;
    do {
      const auto page =
          ask(socket, R"({"op":"scan","ns":")" + ns + R"(","values":true,"limit":500)" +
                          (cursor.empty() ? cursor : R"(,"cursor":)" + cursor) + "}");
      for (const auto& entry : page["entries"]) {
        const bool is_new =
            found.emplace(entry["key"].get<std::string>(), entry["value"].dump()).second;
        EXPECT_TRUE(is_new) << entry["key"];
      }
      cursor = page["cursor"].is_null() ? "" : page["cursor"].dump();
    } while (!cursor.empty());
    return found;
  }

  /// Takes those out that begin with `prefix`.
  static Content take(Content& found, const std::string& prefix) {
    Content own;
    for (auto it = found.lower_bound(prefix); it != found.end() && it->first.starts_with(prefix);)
      own.insert(found.extract(it++));
    return own;
  }

  static void expect_none(const Content& found) {
    for (const auto& [key, value] : found)
      ADD_FAILURE() << "nobody wrote " << key << ": " << value.substr(0, 60);
  }

  void compare_moments(test::LineSocket& socket) {
    Content found = content(socket, RecordedMoments::kNamespace);
    EXPECT_EQ(take(found, "b:").size(), kBallast);
    for (auto& writer : moments_) {
      if (const auto wrong = writer->settle(take(found, writer->prefix()))) {
        ADD_FAILURE() << writer->prefix() << " " << *wrong;
      }
    }
    expect_none(found);
  }

  void compare_deadlines(test::LineSocket& socket, const Content& found) {
    std::vector<std::string> keys;
    keys.reserve(found.size());
    for (const auto& [key, value] : found)
      keys.push_back(key);
    const auto left = [&](const std::string& key) -> std::optional<std::chrono::milliseconds> {
      const auto answer = ask(socket, R"({"op":"ttl","ns":"w","key":")" + key + "\"}");
      if (!answer["found"].get<bool>()) return std::nullopt;
      return std::chrono::milliseconds(answer["ttl_ms"].get<std::int64_t>());
    };
    for (const std::string& wrong : deadlines_.settle(keys, left))
      ADD_FAILURE() << wrong;
    for (const std::string& key : deadlines_.take_gone())
      ask(socket, R"({"op":"del","ns":"w","key":")" + key + "\"}");
  }

  void compare(test::LineSocket& socket) {
    EXPECT_EQ(ask(socket, R"({"op":"ns.list"})")["namespaces"].size(), 3U);
    Content found = content(socket, "w");
    compare_deadlines(socket, take(found, RecordedDeadlines::kPrefix));
    const auto take_number = [&](const std::string& key) {
      const auto node = found.extract(key);
      return node.empty() ? 0 : std::stoll(node.mapped());
    };
    test::Amounts accounts{};
    for (std::size_t i = 0; i < test::kAccounts; ++i)
      accounts[i] = take_number(test::account_key(i));
    const std::int64_t hits = take_number(test::kHitsKey);
    test::Amounts moved{};
    std::int64_t hits_min = hits_;
    std::int64_t hits_max = hits_;
    for (auto& writer : writers_) {
      if (const auto wrong = writer->settle(take(found, writer->prefix()))) {
        ADD_FAILURE() << *wrong;
      }
      const RecordedWriter::Settled& settled = writer->settled();
      for (std::size_t i = 0; i < test::kAccounts; ++i)
        moved[i] += settled.moved[i];
      hits_min += settled.hits_min;
      hits_max += settled.hits_max;
    }
    expect_none(found);
    EXPECT_EQ(accounts, moved) << "of transfers, all or nothing happened";
    EXPECT_GE(hits, hits_min);
    EXPECT_LE(hits, hits_max);
    hits_ = hits;
  }

  template <typename Number>
  [[nodiscard]] std::uint64_t sum(Number number) const {
    std::uint64_t all = 0;
    for (const auto& writer : writers_)
      all += (*writer.*number)();
    return all;
  }

  const std::string directory_;
  test::Random& random_;
  std::vector<std::unique_ptr<RecordedWriter>> writers_;
  std::vector<std::unique_ptr<RecordedMoments>> moments_;
  RecordedDeadlines deadlines_;
  std::vector<KilledConnection*> connections_;  // all of these
  std::vector<std::string> options_;
  std::optional<test::Daemon> daemon_;
  bool is_made_ = false;
  std::int64_t hits_ = 0;
  std::uint64_t starts_killed_ = 0;
};

/// Over all kills.
struct Tally {
  std::uint64_t kills = 0;
  std::uint64_t in_checkpoint = 0;
  std::uint64_t in_snapshot = 0;  // one that comes along: it is not aimed at
  std::uint64_t in_compaction = 0;
  std::uint64_t in_rotation = 0;
  std::uint64_t at_a_moment = 0;
  std::uint64_t starts = 0;
  std::uint64_t answered = 0;
  std::uint64_t executed_unanswered = 0;
  std::uint64_t snapshots = 0;
  std::uint64_t deadlines_kept = 0;
  std::uint64_t deadlines_ended = 0;

  void add(Aim aim, const Remains& remains) {
    ++kills;
    in_checkpoint += remains.in_checkpoint ? 1 : 0;
    in_snapshot += remains.in_snapshot ? 1 : 0;
    in_compaction += remains.in_compaction ? 1 : 0;
    in_rotation += remains.in_rotation ? 1 : 0;
    at_a_moment += aim == Aim::kMoment ? 1 : 0;
  }
  void add(const Session& session) {
    starts += session.starts_killed();
    answered += session.answered();
    executed_unanswered += session.executed_unanswered();
    snapshots += session.snapshots();
    deadlines_kept += session.deadlines().kept();
    deadlines_ended += session.deadlines().ended();
  }
  [[nodiscard]] bool has(std::uint64_t each) const {
    return std::min({in_checkpoint, in_compaction, in_rotation, at_a_moment}) >= each;
  }
};

TEST(KillTest, WhatWasAcknowledgedIsThereAndNothingElse) {
  test::Random random(1);
  const std::uint64_t scale = test::test_scale();
  const std::uint64_t due = kKills * scale;
  const auto until =
      std::chrono::steady_clock::now() +
      std::chrono::seconds(std::stoll(test::environment("APPMEM_KILL_SECONDS", "0")));
  const test::TemporaryDirectory directory;
  Tally tally;
  std::optional<Session> session;
  const auto next_directory = [&] {
    if (session) tally.add(*session);
    const std::string name = directory.file("d" + std::to_string(tally.kills));
    session.emplace(name, random.seed() + tally.kills, random);
  };
  const auto is_enough = [&] {
    if (std::chrono::steady_clock::now() < until) return false;
    return (tally.kills >= due && tally.has(scale)) || tally.kills >= due * kTriesMax;
  };
  next_directory();
  try {
    session->start("always");
    while (!HasFailure() && !is_enough()) {
      const Aim aim = kAims.at(tally.kills % kAims.size());
      tally.add(aim, session->kill(Plan::any(aim, random)));
      session->start(kSyncs.at(tally.kills % kSyncs.size()));
      if (!HasFailure() && tally.kills % kKillsInDirectory == 0) {
        session->stop();
        next_directory();
        session->start("always");
      }
    }
    // An end in good order loses nothing either.
    if (!HasFailure()) {
      session->stop();
      session->start("always");
      session->stop();
    }
  } catch (const std::exception& error) {
    ADD_FAILURE() << error.what();
  }
  std::string kept;
  if (HasFailure()) kept = "; the files are kept in " + session->keep_evidence(random.seed());
  tally.add(*session);
  std::printf(
      "seed %llu: %llu kills, %llu inside a checkpoint, %llu inside a snapshot, %llu inside "
      "compaction, "
      "%llu inside rotation, %llu at a random moment; %llu starts were killed as well; "
      "%llu writes were acknowledged, %llu others had happened; %llu snapshots were acknowledged; "
      "%llu keys with a deadline were there, %llu were over%s\n",
      static_cast<unsigned long long>(random.seed()), static_cast<unsigned long long>(tally.kills),
      static_cast<unsigned long long>(tally.in_checkpoint),
      static_cast<unsigned long long>(tally.in_snapshot),
      static_cast<unsigned long long>(tally.in_compaction),
      static_cast<unsigned long long>(tally.in_rotation),
      static_cast<unsigned long long>(tally.at_a_moment),
      static_cast<unsigned long long>(tally.starts),
      static_cast<unsigned long long>(tally.answered),
      static_cast<unsigned long long>(tally.executed_unanswered),
      static_cast<unsigned long long>(tally.snapshots),
      static_cast<unsigned long long>(tally.deadlines_kept),
      static_cast<unsigned long long>(tally.deadlines_ended), kept.c_str());
  EXPECT_TRUE(tally.has(1));
  EXPECT_GT(tally.deadlines_kept, 0U);
  EXPECT_GT(tally.deadlines_ended, 0U);
}

}  // namespace
}  // namespace appmem
