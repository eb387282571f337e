#pragma once

#include <algorithm>
#include <fstream>
#include <map>
#include <sstream>
#include <string>

#include <gtest/gtest.h>

/// The fields of INFO, Redis's or ours, and the lists of them in tests/data.
namespace appmem::test {

/// Names of fields, each with its section: "Server redis_version"; and what stands behind them.
using InfoFields = std::map<std::string, std::string>;

/// What stands for many names: the commands, errors and databases that there are.
inline std::string general_info_name(const std::string& name) {
  for (const std::string prefix : {"cmdstat_", "errorstat_", "latency_percentiles_usec_"}) {
    if (name.starts_with(prefix)) return prefix + '*';
  }
  const bool is_database = name.size() > 2 && name.starts_with("db") &&
                           name.find_first_not_of("0123456789", 2) == std::string::npos;
  return is_database ? "db*" : name;
}

/// The fields of an INFO, sections as "# Section".
inline InfoFields info_fields(const std::string& text) {
  InfoFields fields;
  std::string section;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    if (line.ends_with('\r')) line.pop_back();
    if (line.starts_with("# ")) section = line.substr(2);
    const std::size_t colon = line.find(':');
    if (line.starts_with('#') || colon == std::string::npos) continue;
    const std::string name = section + ' ' + general_info_name(line.substr(0, colon));
    std::istringstream parts(line.substr(colon + 1));
    if (!name.ends_with("db*")) fields[name] = parts.str();
    for (std::string part; name.ends_with("db*") && std::getline(parts, part, ',');)
      fields[name + '.' + part.substr(0, part.find('='))] = part;
  }
  return fields;
}

/// A file of names in sections "[Section]", perhaps with a reason behind a colon.
inline InfoFields listed_fields(const std::string& file) {
  InfoFields fields;
  std::string section;
  std::ifstream lines(file);
  EXPECT_TRUE(lines) << file;
  for (std::string line; std::getline(lines, line);) {
    if (line.empty() || line.starts_with('#')) continue;
    if (line.starts_with('[')) {
      section = line.substr(1, line.size() - 2);
      continue;
    }
    const std::size_t colon = std::min(line.find(": "), line.size());
    const std::string name = section + ' ' + line.substr(0, colon);
    EXPECT_TRUE(fields.emplace(name, line.substr(colon)).second) << name << " twice in " << file;
  }
  return fields;
}

}  // namespace appmem::test
