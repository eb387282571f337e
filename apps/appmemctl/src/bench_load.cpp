#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <memory>
#include <vector>

#include <sys/epoll.h>
#include <unistd.h>

#include "bench.h"
#include "bench_connection.h"

namespace appmem::ctl {

namespace {

using SteadyClock = std::chrono::steady_clock;

std::atomic<bool> interrupted{false};
static_assert(std::atomic<bool>::is_always_lock_free);

/// Steele, Lea and Flood's SplitMix64: one state word, full period, good enough to pick keys.
class KeySequence {
 public:
  KeySequence(std::uint64_t seed, std::size_t connection)
      : state_(seed * 0x9E3779B97F4A7C15U + connection * 0xD1B54A32D192ED03U) {}

  std::uint64_t next() {
    state_ += 0x9E3779B97F4A7C15U;
    std::uint64_t z = state_;
    z = (z ^ (z >> 30U)) * 0xBF58476D1CE4E5B9U;
    z = (z ^ (z >> 27U)) * 0x94D049BB133111EBU;
    return z ^ (z >> 31U);
  }
  /// A number below `bound`, by multiplication instead of division (Lemire).
  std::uint64_t below(std::uint64_t bound) {
    return static_cast<std::uint64_t>((static_cast<__uint128_t>(next()) * bound) >> 64U);
  }

 private:
  std::uint64_t state_;
};

/// A request line in which only the digits of the key change.
class RequestTemplate {
 public:
  RequestTemplate(const std::string& op, const std::string& ns, const std::string& rest) {
    text_ = R"({"op":")" + op + '"';
    if (!ns.empty()) text_ += R"(,"ns":")" + ns + '"';
    text_ += R"(,"key":"key:)";
    digits_ = text_.size();
    text_ += std::string(kDigits, '0') + '"' + rest + "}\n";
  }

  void append_to(std::string& output, std::uint64_t key) const {
    const std::size_t at = output.size() + digits_;
    output += text_;
    for (std::size_t i = kDigits; i-- > 0; key /= 10) {
      output[at + i] = static_cast<char>('0' + key % 10);
    }
  }

 private:
  static constexpr std::size_t kDigits = 12;  // keys of 16 bytes
  std::string text_;
  std::size_t digits_ = 0;
};

struct LoadConnection {
  LoadConnection(int fd, KeySequence sequence) : connection(fd), keys(sequence) {}

  BenchConnection connection;
  KeySequence keys;
  std::vector<bool> is_get;  // of the requests under way
  std::size_t answered = 0;
  SteadyClock::time_point sent_at;
  bool watches_output = false;
};

class FileDescriptor {
 public:
  explicit FileDescriptor(int fd) : fd_(fd) {}
  FileDescriptor(const FileDescriptor&) = delete;
  FileDescriptor& operator=(const FileDescriptor&) = delete;
  ~FileDescriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  [[nodiscard]] int get() const { return fd_; }

 private:
  int fd_;
};

/// One phase: either storing every key once, or the measured mix.
class LoadPhase {
 public:
  LoadPhase(const LoadOptions& options, bool preload,
            std::vector<std::unique_ptr<LoadConnection>>& all, int epoll,
            const BenchProgress& progress)
      : options_(options),
        preload_(preload),
        connections_(all),
        epoll_(epoll),
        progress_(progress),
        get_("get", options.ns, ""),
        set_("set", options.ns, R"(,"value":")" + std::string(options.value_bytes, 'x') + '"'),
        total_(preload ? options.keys : options.requests),
        timed_(!preload && options.duration.has_value()) {}

  Result<LoadReport> run() {
    start_ = SteadyClock::now();
    if (timed_) deadline_ = start_ + *options_.duration;
    for (auto& connection : connections_) {
      if (auto sent = next_batch(*connection); !sent) return fail(sent.error());
    }
    while (under_way_ > 0) {
      if (auto turn = serve_ready(); !turn) return fail(turn.error());
      if (progress_) progress_(report_.requests);
    }
    report_.seconds = std::chrono::duration<double>(SteadyClock::now() - start_).count();
    report_.interrupted = interrupted.load();
    return std::move(report_);
  }

 private:
  bool finished() const {
    if (interrupted.load(std::memory_order_relaxed)) return true;
    return timed_ ? SteadyClock::now() >= deadline_ : issued_ >= total_;
  }

  Result<void> next_batch(LoadConnection& c) {
    c.is_get.clear();
    c.answered = 0;
    if (finished()) return {};
    std::size_t count = options_.pipeline;
    if (!timed_) count = static_cast<std::size_t>(std::min<std::uint64_t>(count, total_ - issued_));
    for (std::size_t i = 0; i < count; ++i) {
      const std::uint64_t key = preload_ ? issued_ + i : c.keys.below(options_.keys);
      const bool get = !preload_ && draws_get(c.keys);
      (get ? get_ : set_).append_to(c.connection.output(), key);
      c.is_get.push_back(get);
    }
    issued_ += count;
    under_way_ += count;
    c.sent_at = SteadyClock::now();
    return flush(c);
  }

  bool draws_get(KeySequence& keys) const {
    return static_cast<double>(keys.below(1'000'000)) < options_.read_percent * 10'000.0;
  }

  Result<void> flush(LoadConnection& c) {
    if (auto sent = c.connection.send_some(); !sent) return sent;
    const bool watch = c.connection.wants_to_send();
    if (watch != c.watches_output) {
      epoll_event event{};
      event.events = EPOLLIN | (watch ? static_cast<unsigned>(EPOLLOUT) : 0U);
      event.data.ptr = &c;
      ::epoll_ctl(epoll_, EPOLL_CTL_MOD, c.connection.fd(), &event);
      c.watches_output = watch;
    }
    return {};
  }

  Result<void> serve_ready() {
    std::array<epoll_event, 256> events{};
    const int ready = ::epoll_wait(epoll_, events.data(), events.size(), kBenchSilenceMsMax);
    if (ready == 0) {
      return fail(ErrorCode::kTimeout, "the daemon has not answered for " +
                                           std::to_string(kBenchSilenceMsMax / 1000) + " s");
    }
    for (int i = 0; i < ready; ++i) {
      auto& c = *static_cast<LoadConnection*>(events[static_cast<std::size_t>(i)].data.ptr);
      const auto what = events[static_cast<std::size_t>(i)].events;
      if ((what & EPOLLOUT) != 0) {
        if (auto sent = flush(c); !sent) return sent;
      }
      if ((what & (EPOLLIN | EPOLLHUP | EPOLLERR)) != 0) {
        if (auto taken = take_answers(c); !taken) return taken;
      }
    }
    return {};
  }

  Result<void> take_answers(LoadConnection& c) {
    if (auto received = c.connection.receive_some(); !received) return received;
    const auto now = SteadyClock::now();
    const auto taken = static_cast<std::uint64_t>((now - c.sent_at).count());
    for (std::string_view line = c.connection.next_line(); !line.empty();
         line = c.connection.next_line()) {
      if (c.answered >= c.is_get.size()) {
        return fail(ErrorCode::kInternal,
                    "the daemon sent an answer to no request: " + std::string(line.substr(0, 200)));
      }
      count_answer(line, c.is_get[c.answered++]);
      report_.latency.record(taken);
      --under_way_;
    }
    return c.answered == c.is_get.size() ? next_batch(c) : Result<void>{};
  }

  void count_answer(std::string_view line, bool get) {
    ++report_.requests;
    report_.gets += get ? 1 : 0;
    if (!answer_is_ok(line)) {
      if (report_.errors++ == 0) report_.first_error = line.substr(0, 500);
    } else if (get && answer_is_hit(line)) {
      ++report_.hits;
    }
  }

  const LoadOptions& options_;
  const bool preload_;
  std::vector<std::unique_ptr<LoadConnection>>& connections_;
  const int epoll_;
  const BenchProgress& progress_;
  const RequestTemplate get_;
  const RequestTemplate set_;
  const std::uint64_t total_;
  const bool timed_;
  SteadyClock::time_point start_;
  SteadyClock::time_point deadline_;
  std::uint64_t issued_ = 0;
  std::uint64_t under_way_ = 0;
  LoadReport report_;
};

}  // namespace

void interrupt_bench() {
  interrupted.store(true);
}
bool bench_interrupted() {
  return interrupted.load(std::memory_order_relaxed);
}

Result<LoadReport> run_load(const LoadOptions& options, const Connect& connect,
                            const BenchProgress& progress) {
  const FileDescriptor epoll(::epoll_create1(EPOLL_CLOEXEC));
  std::vector<std::unique_ptr<LoadConnection>> connections;
  for (std::size_t i = 0; i < options.connections; ++i) {
    auto fd = connect();
    if (!fd) return fail(std::move(fd).error());
    connections.push_back(std::make_unique<LoadConnection>(*fd, KeySequence(options.seed, i)));
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.ptr = connections.back().get();
    ::epoll_ctl(epoll.get(), EPOLL_CTL_ADD, *fd, &event);
  }
  if (options.load) {
    auto loaded = LoadPhase(options, true, connections, epoll.get(), progress).run();
    if (!loaded || loaded->interrupted || loaded->errors > 0) return loaded;
  }
  return LoadPhase(options, false, connections, epoll.get(), progress).run();
}

}  // namespace appmem::ctl
