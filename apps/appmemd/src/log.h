#pragma once

#include <memory>

#include "appmem/base/observer.h"
#include "appmem/base/time.h"
#include "options.h"

namespace appmem::daemon {

/// The daemon's log on standard error: text for people or one JSON object a line. An event that
/// repeats is logged a few times a second at most (RateLimiter). Thread safety: all.
class Log : public Observer {
 public:
  /// From here on nobody waits for a reader of the log that does not read: its events are dropped,
  /// and how many they were is logged (`log_lines_dropped`) once it does. Until then it is waited
  /// for, so that the reason for a failed start is never lost.
  virtual void stop_waiting() = 0;
};

/// `clock` is borrowed.
std::unique_ptr<Log> make_log(LogFormat format, LogLevel level, Clock& clock);

}  // namespace appmem::daemon
