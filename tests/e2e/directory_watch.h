#pragma once

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include <poll.h>
#include <sys/inotify.h>
#include <unistd.h>

/// What a daemon is doing to its data directory, as seen from outside.
namespace appmem::test {

/// Sees files of the log come and go while a daemon works. Thread safety: none.
class DirectoryWatch {
 public:
  enum class Event : std::uint8_t { kUnfinished, kCheckpoint, kSegment, kRemoval };
  using Clock = std::chrono::steady_clock;

  explicit DirectoryWatch(const std::string& directory)
      : fd_(::inotify_init1(IN_CLOEXEC | IN_NONBLOCK)) {
    if (fd_ < 0 ||
        ::inotify_add_watch(fd_, directory.c_str(), IN_CREATE | IN_MOVED_TO | IN_DELETE) < 0) {
      throw std::runtime_error("cannot watch " + directory);
    }
  }
  DirectoryWatch(const DirectoryWatch&) = delete;
  DirectoryWatch& operator=(const DirectoryWatch&) = delete;
  ~DirectoryWatch() { ::close(fd_); }

  /// Until `event` has been seen once more. False when it is `deadline` before that.
  bool wait_for(Event event, Clock::time_point deadline) {
    const std::size_t before = seen(event);
    for (;;) {
      read_events();
      if (seen(event) > before) return true;
      const auto left =
          std::chrono::ceil<std::chrono::milliseconds>(deadline - Clock::now()).count();
      if (left <= 0) return false;
      pollfd wait{fd_, POLLIN, 0};
      ::poll(&wait, 1, static_cast<int>(left));
    }
  }
  /// What has happened up to now.
  void read_events() {
    alignas(inotify_event) std::array<char, 16'384> buffer{};
    for (;;) {
      const ssize_t n = ::read(fd_, buffer.data(), buffer.size());
      if (n < 0 && errno == EINTR) continue;
      if (n <= 0) return;
      for (const char* at = buffer.data(); at < buffer.data() + n;) {
        const auto* event = reinterpret_cast<const inotify_event*>(at);
        note(*event);
        at += sizeof *event + event->len;
      }
    }
  }
  [[nodiscard]] std::size_t seen(Event event) const {
    return seen_.at(static_cast<std::size_t>(event));
  }

 private:
  void note(const inotify_event& event) {
    const std::string_view name = event.len > 0 ? event.name : "";
    const auto count = [&](Event what) {
      ++seen_.at(static_cast<std::size_t>(what));
    };
    if (name.starts_with("snapshot-")) return;
    if ((event.mask & IN_DELETE) != 0) {
      if (!name.ends_with(".tmp")) count(Event::kRemoval);
    } else if (name.ends_with(".tmp")) {
      count(Event::kUnfinished);
    } else if (name.starts_with("checkpoint-")) {
      count(Event::kCheckpoint);
    } else if (name.starts_with("segment-")) {
      count(Event::kSegment);
    }
  }

  int fd_;
  std::array<std::size_t, 4> seen_{};
};

/// What a daemon was doing when it was killed, by what it has left behind. `watch` has seen all
/// that it did since its start.
struct Remains {
  bool in_checkpoint = false;  // one was being written
  bool in_snapshot = false;    // the same
  bool in_compaction = false;  // one was there, and not all that it makes unnecessary was gone
  bool in_rotation = false;    // a segment was there that nothing had been written to

  static Remains of(const std::filesystem::path& directory, const DirectoryWatch& watch) {
    using Event = DirectoryWatch::Event;
    Remains remains;
    std::vector<std::uint64_t> segments;
    std::vector<std::uint64_t> checkpoints;
    for (const auto& entry : std::filesystem::directory_iterator(directory)) {
      const std::string name = entry.path().filename();
      if (name.ends_with(".tmp")) {
        (name.starts_with("snapshot-") ? remains.in_snapshot : remains.in_checkpoint) = true;
      } else if (name.starts_with("segment-")) {
        segments.push_back(std::stoull(name.substr(8, 16), nullptr, 16));
      } else if (name.starts_with("checkpoint-")) {
        checkpoints.push_back(std::stoull(name.substr(11, 16), nullptr, 16));
      }
    }
    std::sort(segments.begin(), segments.end());
    std::sort(checkpoints.begin(), checkpoints.end());
    if (watch.seen(Event::kCheckpoint) > 0 && !checkpoints.empty()) {
      remains.in_compaction =
          checkpoints.size() > 1 || (segments.size() > 1 && segments[1] <= checkpoints.back() + 1);
    }
    // The first segment of a daemon begins the log, the others go on with it.
    if (watch.seen(Event::kSegment) > 1 && !segments.empty()) {
      remains.in_rotation = is_empty_segment(directory / name_of(segments.back()));
    }
    return remains;
  }

 private:
  static constexpr std::size_t kFileHeaderBytes = 64;

  static std::string name_of(std::uint64_t segment) {
    std::array<char, 17> digits{};
    std::snprintf(digits.data(), digits.size(), "%016llx",
                  static_cast<unsigned long long>(segment));
    return std::string("segment-") + digits.data() + ".log";
  }
  static bool is_empty_segment(const std::filesystem::path& path) {
    std::ifstream file(path, std::ios::binary);
    const std::string bytes{std::istreambuf_iterator<char>(file), {}};
    return bytes.size() <= kFileHeaderBytes ||
           bytes.find_first_not_of('\0', kFileHeaderBytes) == std::string::npos;
  }
};

}  // namespace appmem::test
