#include "log.h"

#include <array>
#include <optional>
#include <string>

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

class Log final : public Observer {
 public:
  Log(bool json, LogLevel level, Clock& clock) : json_(json), clock_(clock) {
    if (json) {
      logger_ = std::make_shared<spdlog::logger>("appmemd",
                                                 std::make_shared<spdlog::sinks::stderr_sink_mt>());
      // The message is the rest of the object.
      logger_->set_pattern(R"({"time":"%Y-%m-%dT%H:%M:%S.%eZ","level":"%l",%v})",
                           spdlog::pattern_time_type::utc);
    } else {
      logger_ = std::make_shared<spdlog::logger>(
          "appmemd", std::make_shared<spdlog::sinks::stderr_color_sink_mt>());
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
    const std::span<const EventField> all(fields, field_count);
    const std::string line = json_ ? log_line_json(name, message, all, *left_out)
                                   : log_line_text(message, all, *left_out);
    logger_->log(level_of(severity), spdlog::string_view_t(line.data(), line.size()));
  }

 private:
  const bool json_;
  Clock& clock_;
  RateLimiter limiter_;
  std::shared_ptr<spdlog::logger> logger_;
};

}  // namespace

std::unique_ptr<Observer> make_log(LogFormat format, LogLevel level, Clock& clock) {
  const bool json =
      format == LogFormat::kJson || (format == LogFormat::kAuto && ::isatty(STDERR_FILENO) != 1);
  return std::make_unique<Log>(json, level, clock);
}

}  // namespace appmem::daemon
