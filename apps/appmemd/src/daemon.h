#pragma once

#include <vector>

#include "background.h"
#include "options.h"
#include "service_manager.h"

namespace appmem::daemon {

/// Runs a daemon until it is told to end, on the sockets `handed_over`, which it takes
/// over, or, where there are none, on its own. Returns the process's exit code: 0 after an
/// orderly end, 1 when it could not start, which it has logged.
int run_daemon(const Options& options, const std::vector<HandedOver>& handed_over,
               Background& background);

}  // namespace appmem::daemon
