#include "bench_report.h"

#include <array>
#include <cinttypes>
#include <cstdio>

#include <nlohmann/json.hpp>

namespace appmem::ctl {

namespace {

struct Percentile {
  const char* label;
  const char* json_name;
  double share;
};

constexpr std::array kPercentiles{
    Percentile{"p50", "p50", 0.50},         Percentile{"p90", "p90", 0.90},
    Percentile{"p99", "p99", 0.99},         Percentile{"p99.9", "p99_9", 0.999},
    Percentile{"p99.99", "p99_99", 0.9999},
};

double microseconds(std::uint64_t nanoseconds) {
  return static_cast<double>(nanoseconds) / 1000.0;
}

double rate(std::uint64_t requests, double seconds) {
  return seconds > 0 ? static_cast<double>(requests) / seconds : 0.0;
}

template <typename... Args>
void line(std::string& out, const char* format, Args... args) {
  std::array<char, 256> buffer{};
  const int n = std::snprintf(buffer.data(), buffer.size(), format, args...);
  out.append(buffer.data(), static_cast<std::size_t>(n));
  out += '\n';
}

void latency_lines(std::string& out, const LatencyHistogram& latency) {
  line(out, "%-12s %12s", "latency", "us");
  for (const Percentile& p : kPercentiles) {
    line(out, "  %-10s %12.1f", p.label, microseconds(latency.percentile(p.share)));
  }
  line(out, "  %-10s %12.1f", "max", microseconds(latency.max()));
  line(out, "  %-10s %12.1f", "mean", latency.mean() / 1000.0);
}

nlohmann::ordered_json latency_json(const LatencyHistogram& latency) {
  nlohmann::ordered_json json;
  for (const Percentile& p : kPercentiles) {
    json[p.json_name] = microseconds(latency.percentile(p.share));
  }
  json["max"] = microseconds(latency.max());
  json["mean"] = latency.mean() / 1000.0;
  return json;
}

std::string dump(const nlohmann::ordered_json& json) {
  return json.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
}

}  // namespace

std::string format_load_report(const LoadOptions& options, const LoadReport& report, bool json) {
  if (json) {
    nlohmann::ordered_json out;
    out["connections"] = options.connections;
    out["pipeline"] = options.pipeline;
    out["keys"] = options.keys;
    out["value_bytes"] = options.value_bytes;
    out["read_percent"] = options.read_percent;
    out["seed"] = options.seed;
    out["requests"] = report.requests;
    out["gets"] = report.gets;
    out["hits"] = report.hits;
    out["errors"] = report.errors;
    if (report.errors > 0) out["first_error"] = report.first_error;
    out["seconds"] = report.seconds;
    out["requests_per_second"] = rate(report.requests, report.seconds);
    out["latency_us"] = latency_json(report.latency);
    out["interrupted"] = report.interrupted;
    return dump(out);
  }
  std::string out;
  line(out, "%zu connections, pipeline %zu, %" PRIu64 " keys, values of %zu bytes, %g %% reads",
       options.connections, options.pipeline, options.keys, options.value_bytes,
       options.read_percent);
  line(out, "%-12s %12" PRIu64 "   in %.2f s", "requests", report.requests, report.seconds);
  line(out, "%-12s %12.0f", "per second", rate(report.requests, report.seconds));
  line(out, "%-12s %12" PRIu64 "   of %" PRIu64 " gets", "hits", report.hits, report.gets);
  line(out, "%-12s %12" PRIu64, "errors", report.errors);
  if (report.errors > 0) out += "first error: " + report.first_error + '\n';
  latency_lines(out, report.latency);
  return out;
}

std::string format_trace_report(const std::string& path, const TraceReport& report, bool json) {
  if (json) {
    nlohmann::ordered_json out;
    out["trace"] = path;
    out["requests"] = report.requests;
    out["misses"] = report.misses;
    out["hit_ratio"] = report.hit_ratio();
    out["errors"] = report.errors;
    if (report.errors > 0) out["first_error"] = report.first_error;
    out["seconds"] = report.seconds;
    out["requests_per_second"] = rate(report.requests, report.seconds);
    out["latency_us"] = latency_json(report.latency);
    out["interrupted"] = report.interrupted;
    return dump(out);
  }
  std::string out = path + '\n';
  line(out, "%-12s %12" PRIu64 "   in %.2f s", "requests", report.requests, report.seconds);
  line(out, "%-12s %12" PRIu64, "misses", report.misses);
  line(out, "%-12s %12.4f", "hit_ratio", report.hit_ratio());
  line(out, "%-12s %12" PRIu64, "errors", report.errors);
  if (report.errors > 0) out += "first error: " + report.first_error + '\n';
  latency_lines(out, report.latency);
  return out;
}

}  // namespace appmem::ctl
