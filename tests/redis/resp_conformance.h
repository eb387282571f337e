#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

/// Reads tests/conformance/resp.jsonl; its README.md describes the form. Errors in the file are
/// exceptions, so that the test that reads it fails.
namespace appmem::test {

struct RespCase {
  std::string name;
  std::string send;  // the request as it stands on the wire
  std::size_t replies = 1;
  std::string expect;
  std::string matches;  // a regular expression in place of `expect`
  std::string redis;    // what redis-server replies, where that is something else
  std::string differs;  // the section of docs/redis-differences.md that says so
  bool closes = false;
  std::int64_t advance_ms = 0;  // not a request: time passes
};

struct RespSection {
  std::string name;
  std::vector<RespCase> cases;
};

std::vector<RespSection> load_resp_conformance();

}  // namespace appmem::test
