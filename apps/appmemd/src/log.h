#pragma once

#include <memory>

#include "appmem/base/observer.h"
#include "appmem/base/time.h"
#include "options.h"

namespace appmem::daemon {

/// The daemon's log on standard error: text for people or one JSON object a line. An event that
/// repeats is logged a few times a second at most (RateLimiter). `clock` is borrowed.
/// Thread safety: all.
std::unique_ptr<Observer> make_log(LogFormat format, LogLevel level, Clock& clock);

}  // namespace appmem::daemon
