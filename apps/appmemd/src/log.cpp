#include "log.h"

#include <array>
#include <chrono>
#include <map>
#include <mutex>
#include <string>

#include <nlohmann/json.hpp>
#include <spdlog/sinks/stdout_color_sinks.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>
#include <unistd.h>

namespace appmem::daemon {
namespace {

/// Of one name, in one second.
constexpr std::size_t kEventsPerSecondMax = 5;

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
  Log(bool json, LogLevel level) : json_(json) {
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
    const std::optional<std::uint64_t> left_out = admit(name);
    if (!left_out) return;
    const std::string line = json_ ? as_json(name, message, fields, field_count, *left_out)
                                   : as_text(message, fields, field_count, *left_out);
    logger_->log(level_of(severity), spdlog::string_view_t(line.data(), line.size()));
  }

 private:
  struct Recent {
    std::chrono::steady_clock::time_point second_began;
    std::size_t logged = 0;
    std::uint64_t left_out = 0;
  };

  /// How many of this name were left out since the last one; nothing when this one is left out too.
  std::optional<std::uint64_t> admit(std::string_view name) {
    const auto now = std::chrono::steady_clock::now();
    const std::lock_guard lock(mutex_);
    Recent& recent = recent_.try_emplace(std::string(name)).first->second;
    if (now - recent.second_began >= std::chrono::seconds{1}) {
      recent.second_began = now;
      recent.logged = 0;
    }
    if (recent.logged == kEventsPerSecondMax) {
      ++recent.left_out;
      return std::nullopt;
    }
    ++recent.logged;
    return std::exchange(recent.left_out, 0);
  }

  static std::string as_text(std::string_view message, const EventField* fields, std::size_t count,
                             std::uint64_t left_out) {
    std::string line(message);
    for (std::size_t i = 0; i < count; ++i) {
      line.append("  ").append(fields[i].name).append("=");
      if (fields[i].numeric) {
        line.append(std::to_string(fields[i].number));
      } else {
        append_printable(line, fields[i].text);
      }
    }
    if (left_out > 0) line += "  left_out=" + std::to_string(left_out);
    return line;
  }

  /// One line stays one line, whatever a client calls itself.
  static void append_printable(std::string& line, std::string_view text) {
    for (const char c : text) {
      line += static_cast<unsigned char>(c) < 0x20 || c == 0x7F ? '?' : c;
    }
  }

  static std::string as_json(std::string_view name, std::string_view message,
                             const EventField* fields, std::size_t count, std::uint64_t left_out) {
    nlohmann::ordered_json object;
    object["event"] = name;
    object["message"] = message;
    for (std::size_t i = 0; i < count; ++i) {
      const std::string key(fields[i].name);
      if (fields[i].numeric) {
        object[key] = fields[i].number;
      } else {
        object[key] = fields[i].text;
      }
    }
    if (left_out > 0) object["left_out"] = left_out;
    std::string line = object.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
    return line.substr(1, line.size() - 2);  // the pattern has the braces
  }

  const bool json_;
  std::shared_ptr<spdlog::logger> logger_;
  std::mutex mutex_;
  std::map<std::string, Recent> recent_;
};

}  // namespace

std::unique_ptr<Observer> make_log(LogFormat format, LogLevel level) {
  const bool json =
      format == LogFormat::kJson || (format == LogFormat::kAuto && ::isatty(STDERR_FILENO) != 1);
  return std::make_unique<Log>(json, level);
}

}  // namespace appmem::daemon
