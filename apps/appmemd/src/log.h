#pragma once

#include <memory>

#include "appmem/base/observer.h"
#include "options.h"

namespace appmem::daemon {

/// The daemon's log on standard error: text for people or one JSON object a line. An event that
/// repeats is logged a few times a second at most; how many were left out stands in the next one.
/// Thread safety: all.
std::unique_ptr<Observer> make_log(LogFormat format, LogLevel level);

}  // namespace appmem::daemon
