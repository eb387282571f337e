#pragma once

#include <string>

#include "bench.h"

namespace appmem::ctl {

/// What a run did, as a table for people or as one JSON object with a line end for programs.
/// Latencies are in microseconds, rates in requests a second.
std::string format_load_report(const LoadOptions& options, const LoadReport& report, bool json);
std::string format_trace_report(const std::string& path, const TraceReport& report, bool json);

}  // namespace appmem::ctl
