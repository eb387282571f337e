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
#include "bench_wire.h"

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

/// A request of which only the last digits of the key change.
class RequestTemplate {
 public:
  RequestTemplate(const RequestFrame& frame, std::size_t key_bytes) : text_(frame.before_key) {
    text_ += kBenchKeyPrefix;
    text_.append(key_bytes - kBenchKeyPrefix.size(), '0');
    digits_end_ = text_.size();
    text_ += frame.after_key;
  }

  void append_to(std::string& output, std::uint64_t key) const {
    const std::size_t end = output.size() + digits_end_;
    output += text_;
    for (char* digit = output.data() + end; key > 0; key /= 10)
      *--digit = static_cast<char>('0' + key % 10);
  }

 private:
  std::string text_;
  std::size_t digits_end_ = 0;
};

struct LoadConnection {
  LoadConnection(int fd, std::size_t input_bytes, KeySequence sequence)
      : connection(fd, input_bytes), keys(sequence) {}

  BenchConnection connection;
  KeySequence keys;
  std::size_t under_way = 0;
  SteadyClock::time_point sent_at;
  bool watches_output = false;
};

/// What is received at once: the replies of a whole pipeline, within reason.
std::size_t input_bytes_for(const LoadOptions& options) {
  constexpr std::size_t kMin = 4_KiB;
  constexpr std::size_t kMax = 256_KiB;
  constexpr std::size_t kAroundValue = 128;  // of a reply, in every format
  return std::clamp(options.pipeline * (options.value_bytes + kAroundValue), kMin, kMax);
}

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
  LoadPhase(const LoadOptions& options, const BenchWire& wire, bool preload,
            std::vector<std::unique_ptr<LoadConnection>>& all, int epoll,
            const BenchProgress& progress)
      : options_(options),
        wire_(wire),
        preload_(preload),
        connections_(all),
        epoll_(epoll),
        progress_(progress),
        get_(wire.get_frame(), options.key_bytes),
        set_(wire.set_frame(), options.key_bytes),
        get_share_(static_cast<std::uint64_t>(options.read_percent * 10'000.0)),
        total_(preload ? options.keys : options.requests),
        timed_(!preload && options.duration.has_value()) {}

  Result<LoadReport> run() {
    start_ = SteadyClock::now();
    if (timed_) deadline_ = start_ + *options_.duration;
    for (auto& connection : connections_) {
      next_batch(*connection, start_);
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
  bool finished(SteadyClock::time_point now) const {
    if (interrupted.load(std::memory_order_relaxed)) return true;
    return timed_ ? now >= deadline_ : issued_ >= total_;
  }

  void next_batch(LoadConnection& c, SteadyClock::time_point now) {
    if (finished(now)) return;
    std::size_t count = options_.pipeline;
    if (!timed_) count = static_cast<std::size_t>(std::min<std::uint64_t>(count, total_ - issued_));
    std::string& output = c.connection.output();
    if (preload_) {
      for (std::size_t i = 0; i < count; ++i)
        set_.append_to(output, issued_ + i);
    } else {
      for (std::size_t i = 0; i < count; ++i) {
        const std::uint64_t key = c.keys.below(options_.keys);
        const bool get = c.keys.below(kShares) < get_share_;
        (get ? get_ : set_).append_to(output, key);
        report_.gets += get ? 1 : 0;
      }
    }
    issued_ += count;
    c.under_way = count;
    under_way_ += count;
    c.sent_at = SteadyClock::now();
    flush(c);
  }

  void flush(LoadConnection& c) {
    c.connection.send_some();
    const bool watch = c.connection.wants_to_send();
    if (watch != c.watches_output) {
      epoll_event event{};
      event.events = EPOLLIN | (watch ? static_cast<unsigned>(EPOLLOUT) : 0U);
      event.data.ptr = &c;
      ::epoll_ctl(epoll_, EPOLL_CTL_MOD, c.connection.fd(), &event);
      c.watches_output = watch;
    }
  }

  Result<void> serve_ready() {
    std::array<epoll_event, 256> events{};
    const int ready = ::epoll_wait(epoll_, events.data(), events.size(), kBenchSilenceMsMax);
    if (ready == 0) return bench_silence();
    for (int i = 0; i < ready; ++i) {
      auto& c = *static_cast<LoadConnection*>(events[static_cast<std::size_t>(i)].data.ptr);
      const auto what = events[static_cast<std::size_t>(i)].events;
      if ((what & EPOLLOUT) != 0) flush(c);
      if ((what & (EPOLLIN | EPOLLHUP | EPOLLERR)) != 0) {
        if (auto taken = take_answers(c); !taken) return taken;
      }
    }
    return {};
  }

  Result<void> take_answers(LoadConnection& c) {
    if (auto received = c.connection.receive_some(); !received) return received;
    const auto now = SteadyClock::now();
    std::size_t taken = 0;
    while (const auto reply = c.connection.next_reply(wire_)) {
      if (++taken > c.under_way) {
        // One that had nothing to send yet is told all the same why it is closed.
        if (reply->kind == ReplyKind::kError) {
          return tl::unexpected(refusal_of(reply->text, ErrorCode::kUnavailable));
        }
        return fail(ErrorCode::kInternal, "the server sent an answer to no request: " +
                                              std::string(reply_line(reply->text)));
      }
      count_reply(*reply);
    }
    report_.latency.record(static_cast<std::uint64_t>((now - c.sent_at).count()), taken);
    report_.requests += taken;
    under_way_ -= taken;
    c.under_way -= taken;
    if (c.under_way == 0) next_batch(c, now);
    return {};
  }

  void count_reply(const BenchConnection::Reply& reply) {
    if (reply.kind == ReplyKind::kHit) {
      ++report_.hits;
    } else if (reply.kind == ReplyKind::kError) {
      if (report_.errors++ == 0) report_.first_error = reply_line(reply.text);
    }
  }

  /// Of how many requests some are gets.
  static constexpr std::uint64_t kShares = 1'000'000;

  const LoadOptions& options_;
  const BenchWire& wire_;
  const bool preload_;
  std::vector<std::unique_ptr<LoadConnection>>& connections_;
  const int epoll_;
  const BenchProgress& progress_;
  const RequestTemplate get_;
  const RequestTemplate set_;
  const std::uint64_t get_share_;
  const std::uint64_t total_;
  const bool timed_;
  SteadyClock::time_point start_;
  SteadyClock::time_point deadline_;
  std::uint64_t issued_ = 0;
  std::uint64_t under_way_ = 0;
  LoadReport report_;
};

/// Every greeting has to be taken before the first request.
Result<void> greet(BenchConnection& connection, const BenchWire& wire) {
  for (const std::string& greeting : wire.greetings()) {
    connection.output() += greeting;
    const auto reply = connection.exchange(wire);
    if (!reply) return fail(reply.error());
    if (reply->kind == ReplyKind::kError) {
      return tl::unexpected(refusal_of(reply->text, ErrorCode::kForbidden));
    }
  }
  return {};
}

}  // namespace

void interrupt_bench() {
  interrupted.store(true);
}
bool bench_interrupted() {
  return interrupted.load(std::memory_order_relaxed);
}

std::unique_ptr<BenchWire> make_bench_wire(const LoadOptions& options) {
  switch (options.protocol) {
    case BenchProtocol::kJson:
      break;
    case BenchProtocol::kResp:
      return make_resp_wire(options);
    case BenchProtocol::kMemcached:
      return make_memcached_wire(options);
  }
  return make_json_wire(options);
}

Result<LoadReport> run_load(const LoadOptions& options, const Connect& connect,
                            const BenchProgress& progress) {
  const FileDescriptor epoll(::epoll_create1(EPOLL_CLOEXEC));
  const std::unique_ptr<BenchWire> wire = make_bench_wire(options);
  std::vector<std::unique_ptr<LoadConnection>> connections;
  for (std::size_t i = 0; i < options.connections; ++i) {
    auto fd = connect();
    if (!fd) return fail(std::move(fd).error());
    connections.push_back(std::make_unique<LoadConnection>(*fd, input_bytes_for(options),
                                                           KeySequence(options.seed, i)));
    if (auto greeted = greet(connections.back()->connection, *wire); !greeted) {
      return fail(std::move(greeted).error());
    }
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.ptr = connections.back().get();
    ::epoll_ctl(epoll.get(), EPOLL_CTL_ADD, *fd, &event);
  }
  if (options.load) {
    auto loaded = LoadPhase(options, *wire, true, connections, epoll.get(), progress).run();
    if (!loaded || loaded->interrupted || loaded->errors > 0) return loaded;
  }
  return LoadPhase(options, *wire, false, connections, epoll.get(), progress).run();
}

}  // namespace appmem::ctl
