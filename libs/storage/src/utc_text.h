#pragma once

#include <string>

#include "appmem/base/time.h"

namespace appmem::storage {

/// "2024-01-31T12:00:00.000Z"; for what no such year has, a number of milliseconds.
std::string utc_text(WallTime when);
/// The same for the name of a file: "20240131T120000Z".
std::string utc_name(WallTime when);

}  // namespace appmem::storage
