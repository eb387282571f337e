#include "bench_report.h"

#include <algorithm>
#include <array>
#include <cstdio>
#include <string>
#include <string_view>

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

std::string decimal(double number, int places) {
  std::array<char, 64> buffer{};
  const int n = std::snprintf(buffer.data(), buffer.size(), "%.*f", places, number);
  return {buffer.data(), static_cast<std::size_t>(n)};
}

/// A label on the left, a number on the right, and what belongs to it.
void row(std::string& out, std::string_view label, std::string_view number,
         std::string_view rest = {}) {
  constexpr std::size_t kLabelWidth = 13;
  constexpr std::size_t kNumberWidth = 12;
  out += label;
  out.append(label.size() < kLabelWidth ? kLabelWidth - label.size() : 1, ' ');
  out.append(number.size() < kNumberWidth ? kNumberWidth - number.size() : 0, ' ');
  out += number;
  if (!rest.empty()) out.append("   ").append(rest);
  out += '\n';
}

void latency_rows(std::string& out, const LatencyHistogram& latency) {
  row(out, "latency", "us");
  for (const Percentile& p : kPercentiles) {
    row(out, "  " + std::string(p.label), decimal(microseconds(latency.percentile(p.share)), 1));
  }
  row(out, "  max", decimal(microseconds(latency.max()), 1));
  row(out, "  mean", decimal(latency.mean() / 1000.0, 1));
}

void error_rows(std::string& out, std::uint64_t errors, const std::string& first) {
  row(out, "errors", std::to_string(errors));
  if (errors > 0) out += "first error: " + first + '\n';
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

std::string_view name_of(BenchProtocol protocol) {
  return std::find_if(kBenchProtocols.begin(), kBenchProtocols.end(),
                      [=](const BenchProtocolName& row) { return row.protocol == protocol; })
      ->name;
}

std::string dump(const nlohmann::ordered_json& json) {
  return json.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
}

}  // namespace

std::string format_load_report(const LoadOptions& options, const LoadReport& report, bool json) {
  if (json) {
    nlohmann::ordered_json out;
    out["protocol"] = name_of(options.protocol);
    out["connections"] = options.connections;
    out["pipeline"] = options.pipeline;
    out["keys"] = options.keys;
    out["key_bytes"] = options.key_bytes;
    out["value_bytes"] = options.value_bytes;
    if (options.ttl) out["ttl_ms"] = options.ttl->count();
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
  std::string out = std::string(name_of(options.protocol)) + ", " +
                    std::to_string(options.connections) + " connections, pipeline " +
                    std::to_string(options.pipeline) + ", " + std::to_string(options.keys) +
                    " keys of " + std::to_string(options.key_bytes) + " bytes, values of " +
                    std::to_string(options.value_bytes) + " bytes, " +
                    decimal(options.read_percent, 0) + " % reads\n";
  row(out, "requests", std::to_string(report.requests), "in " + decimal(report.seconds, 2) + " s");
  row(out, "per second", decimal(rate(report.requests, report.seconds), 0));
  row(out, "hits", std::to_string(report.hits), "of " + std::to_string(report.gets) + " gets");
  error_rows(out, report.errors, report.first_error);
  latency_rows(out, report.latency);
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
  row(out, "requests", std::to_string(report.requests), "in " + decimal(report.seconds, 2) + " s");
  row(out, "misses", std::to_string(report.misses));
  row(out, "hit_ratio", decimal(report.hit_ratio(), 4));
  error_rows(out, report.errors, report.first_error);
  latency_rows(out, report.latency);
  return out;
}

}  // namespace appmem::ctl
