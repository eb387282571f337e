#pragma once

#include <filesystem>

#include "options.h"

namespace appmem::daemon {

/// The machine this process runs on. `root` stands before /proc and /sys: "/", or a test's own
/// folder. Memory is the least of /proc/meminfo's MemTotal and the limits of the process's control
/// group and those above it (version 2 and version 1); 1 GiB where nothing can be read.
Machine read_machine(const std::filesystem::path& root);

}  // namespace appmem::daemon
