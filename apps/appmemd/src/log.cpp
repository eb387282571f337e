#include "log.h"

#include <array>
#include <mutex>
#include <optional>
#include <string>
#include <utility>

#include <poll.h>
#include <spdlog/sinks/stdout_color_sinks.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>
#include <unistd.h>

#include "log_line.h"
#include "rate_limiter.h"

namespace appmem::daemon {
namespace {

spdlog::level::level_enum level_of(Severity severity) {
  switch (severity) {
    case Severity::kDebug:
      return spdlog::level::debug;
    case Severity::kInfo:
      return spdlog::level::info;
    case Severity::kWarning:
      return spdlog::level::warn;
    case Severity::kError:
      return spdlog::level::err;
  }
  return spdlog::level::err;
}

spdlog::level::level_enum level_of(LogLevel level) {
  constexpr std::array kSeverities{Severity::kDebug, Severity::kInfo, Severity::kWarning,
                                   Severity::kError};
  return level_of(kSeverities[static_cast<std::size_t>(level)]);
}

/// Whether a line can be written without waiting: a pipe or socket says so when it has room for a
/// page, and so does a terminal that is not stopped.
bool has_room(int fd) {
  pollfd room{fd, POLLOUT, 0};
  return ::poll(&room, 1, 0) == 1;
}

class StandardErrorLog final : public Log {
 public:
  StandardErrorLog(bool json, LogLevel level, Clock& clock) : json_(json), clock_(clock) {
    if (json) {
      logger_ = std::make_shared<spdlog::logger>("appmemd",
                                                 std::make_shared<spdlog::sinks::stderr_sink_st>());
      // The message is the rest of the object.
      logger_->set_pattern(R"({"time":"%Y-%m-%dT%H:%M:%S.%eZ","level":"%l",%v})",
                           spdlog::pattern_time_type::utc);
    } else {
      logger_ = std::make_shared<spdlog::logger>(
          "appmemd", std::make_shared<spdlog::sinks::stderr_color_sink_st>());
      logger_->set_pattern("%Y-%m-%d %H:%M:%S.%e %^%-7l%$ %v");
    }
    logger_->set_level(level_of(level));
    logger_->flush_on(spdlog::level::debug);
  }

  void event(Severity severity, std::string_view name, std::string_view message,
             const EventField* fields, std::size_t field_count) override {
    if (!logger_->should_log(level_of(severity))) return;
    const std::optional<std::uint64_t> left_out = limiter_.admit(name, clock_.now().mono);
    if (!left_out) return;
    const std::lock_guard lock(mutex_);
    if (!waits_ && !has_room(STDERR_FILENO)) {
      ++dropped_;
      return;
    }
    if (dropped_ > 0) {
      const EventField count = EventField::of("count", std::exchange(dropped_, 0));
      write(Severity::kWarning, "log_lines_dropped",
            "whoever reads this log did not, and lines were dropped", {&count, 1}, 0);
    }
    write(severity, name, message, {fields, field_count}, *left_out);
  }

  void stop_waiting() override {
    const std::lock_guard lock(mutex_);
    waits_ = false;
  }

 private:
  void write(Severity severity, std::string_view name, std::string_view message,
             std::span<const EventField> fields, std::uint64_t left_out) {
    const std::string line = json_ ? log_line_json(name, message, fields, left_out)
                                   : log_line_text(message, fields, left_out);
    logger_->log(level_of(severity), spdlog::string_view_t(line.data(), line.size()));
  }

  const bool json_;
  Clock& clock_;
  RateLimiter limiter_;
  // One line at a time, because room for one is all that is asked for.
  std::mutex mutex_;
  bool waits_ = true;                       // guarded by mutex_
  std::int64_t dropped_ = 0;                // guarded by mutex_
  std::shared_ptr<spdlog::logger> logger_;  // guarded by mutex_, but for its level
};

}  // namespace

std::unique_ptr<Log> make_log(LogFormat format, LogLevel level, Clock& clock) {
  const bool json =
      format == LogFormat::kJson || (format == LogFormat::kAuto && ::isatty(STDERR_FILENO) != 1);
  return std::make_unique<StandardErrorLog>(json, level, clock);
}

}  // namespace appmem::daemon
