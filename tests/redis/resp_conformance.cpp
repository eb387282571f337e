#include "redis/resp_conformance.h"

#include <fstream>
#include <stdexcept>
#include <string_view>

#include <nlohmann/json.hpp>

#include "redis/server_pair.h"
#include "support/environment.h"

namespace appmem::test {
namespace {

std::string from_base64(std::string_view text) {
  constexpr std::string_view kDigits =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string bytes;
  unsigned pending = 0;
  int bits = 0;
  for (const char c : text.substr(0, text.find('='))) {
    const std::size_t digit = kDigits.find(c);
    if (digit == std::string_view::npos) throw std::runtime_error("no base64");
    pending = pending << 6U | static_cast<unsigned>(digit);
    bits += 6;
    if (bits < 8) continue;
    bits -= 8;
    bytes += static_cast<char>(pending >> static_cast<unsigned>(bits) & 0xffU);
  }
  return bytes;
}

std::string bytes_of(const nlohmann::json& row, const char* name) {
  if (row.contains(name)) return row.at(name).get<std::string>();
  const std::string encoded = std::string(name) + "_b64";
  return row.contains(encoded) ? from_base64(row.at(encoded).get<std::string>()) : std::string();
}

RespCase case_of(const nlohmann::json& row) {
  RespCase result;
  result.advance_ms = row.value("advance_ms", std::int64_t{0});
  if (result.advance_ms != 0) return result;
  result.name = row.at("name").get<std::string>();
  if (row.contains("words")) {
    Words words;
    for (const nlohmann::json& word : row.at("words")) {
      words.push_back(word.is_string() ? word.get<std::string>()
                                       : from_base64(word.at("b64").get<std::string>()));
    }
    result.send = to_request(words);
  } else {
    result.send = bytes_of(row, "send");
  }
  result.replies = row.value("replies", std::size_t{1});
  result.expect = bytes_of(row, "expect");
  result.matches = row.value("matches", "");
  result.redis = row.value("redis", "");
  result.differs = row.value("differs", "");
  result.closes = row.value("closes", false);
  if (result.send.empty() || result.expect.empty() == result.matches.empty()) {
    throw std::runtime_error("a case needs words or send, and expect or matches: " + row.dump());
  }
  return result;
}

}  // namespace

std::vector<RespSection> load_resp_conformance() {
  std::ifstream file(source_dir() / "tests/conformance/resp.jsonl");
  std::vector<RespSection> sections;
  for (std::string line; std::getline(file, line);) {
    const auto row = nlohmann::json::parse(line);
    if (row.contains("section")) {
      sections.push_back({row.at("section").get<std::string>(), {}});
    } else {
      sections.at(sections.size() - 1).cases.push_back(case_of(row));
    }
  }
  if (sections.empty()) throw std::runtime_error("no conformance file");
  return sections;
}

}  // namespace appmem::test
