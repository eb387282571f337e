#pragma once

#include "background.h"
#include "options.h"

namespace appmem::daemon {

/// Runs a daemon until it is told to end. Returns the process's exit code: 0 after an orderly end,
/// 1 when it could not start, which it has logged.
int run_daemon(const Options& options, Background& background);

}  // namespace appmem::daemon
