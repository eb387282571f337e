#pragma once

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <initializer_list>
#include <map>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json.hpp>

/// Reads the file of requests and expected answers that several tests run (tests/conformance/
/// README.md). Errors in the file are exceptions, so that the
/// test that reads it fails.
namespace appmem::test {

/// One line of a conformance file.
struct ConformanceStep {
  enum class Kind : std::uint8_t { kSection, kAdvance, kCase };
  Kind kind = Kind::kCase;
  /// Of a section or a case.
  std::string name;
  /// Of a section: "operator" where the file names none.
  std::string caller;
  std::int64_t advance_ms = 0;
  /// Of a case: what to send, before replacement of ${…}, without the line end.
  std::string send;
  nlohmann::json expect;
  std::string contains;
  bool closes = false;
};

/// What a section has kept, and how it is used. One for each section.
class ConformanceNames {
 public:
  /// `send` with each ${…} replaced.
  [[nodiscard]] std::string replaced(std::string_view send) const {
    std::string out;
    for (;;) {
      const std::size_t at = send.find("${");
      out += send.substr(0, at);
      if (at == std::string_view::npos) return out;
      const std::size_t end = send.find('}', at);
      if (end == std::string_view::npos) throw std::runtime_error("${ without }");
      out += value_of(std::string(send.substr(at + 2, end - at - 2)));
      send.remove_prefix(end + 1);
    }
  }

  /// Nothing when `answer` is as expected; otherwise where it differs. Keeps what is named.
  std::optional<std::string> mismatch(const nlohmann::json& expect, const nlohmann::json& answer,
                                      const std::string& where = "answer") {
    if (expect.is_string() && expect.get_ref<const std::string&>().starts_with('$')) {
      return placeholder_mismatch(expect.get<std::string>(), answer, where);
    }
    if (expect.is_object() && answer.is_object()) {
      for (const auto& [name, value] : expect.items()) {
        if (!answer.contains(name)) return joined({where, " has no field ", name});
        if (auto found = mismatch(value, answer[name], joined({where, ".", name}))) return found;
      }
      for (const auto& [name, value] : answer.items()) {
        if (!expect.contains(name)) return joined({where, " has a field ", name});
      }
      return std::nullopt;
    }
    if (expect.is_array() && answer.is_array()) {
      if (expect.size() != answer.size()) {
        return where + " has " + std::to_string(answer.size()) + " items";
      }
      for (std::size_t i = 0; i < expect.size(); ++i) {
        if (auto found =
                mismatch(expect[i], answer[i], joined({where, "[", std::to_string(i), "]"}))) {
          return found;
        }
      }
      return std::nullopt;
    }
    if (expect == answer) return std::nullopt;
    return where + " is " + answer.dump() + " instead of " + expect.dump();
  }

 private:
  static std::string joined(std::initializer_list<std::string_view> parts) {
    std::string result;
    for (const std::string_view part : parts)
      result += part;
    return result;
  }

  std::optional<std::string> placeholder_mismatch(const std::string& placeholder,
                                                  const nlohmann::json& answer,
                                                  const std::string& where) {
    const auto unless = [&](bool matches) -> std::optional<std::string> {
      if (matches) return std::nullopt;
      return where + " is " + answer.dump() + " instead of " + placeholder;
    };
    if (placeholder == "$any") return std::nullopt;
    if (placeholder == "$text")
      return unless(answer.is_string() && !answer.get_ref<const std::string&>().empty());
    if (placeholder == "$integer") return unless(answer.is_number_integer() && answer >= 0);
    if (placeholder == "$version") return unless(answer.is_number_integer() && answer > 0);
    const auto [kept, is_new] = kept_.emplace(placeholder.substr(1), answer);
    return unless(is_new || kept->second == answer);
  }

  [[nodiscard]] std::string value_of(const std::string& expression) const {
    if (expression.starts_with("repeat ")) {
      const std::size_t space = expression.rfind(' ');
      const std::string text = expression.substr(7, space - 7);
      std::string out;
      for (std::uint64_t left = std::stoull(expression.substr(space + 1)); left > 0; --left) {
        out += text;
      }
      return out;
    }
    const auto found = kept_.find(expression);
    if (found == kept_.end()) throw std::runtime_error("nothing kept as " + expression);
    std::string text = found->second.dump();
    return found->second.is_string() ? text.substr(1, text.size() - 2) : text;
  }

  std::map<std::string, nlohmann::json> kept_;
};

/// Base64 without checks, for the test files.
inline std::string base64_decoded(std::string_view text) {
  constexpr std::string_view kAlphabet =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string bytes;
  std::uint32_t bits = 0;
  unsigned count = 0;
  for (const char c : text) {
    if (c == '=') break;
    bits = bits << 6U | static_cast<std::uint32_t>(kAlphabet.find(c));
    count += 6;
    if (count >= 8) {
      count -= 8;
      bytes += static_cast<char>(bits >> count & 0xFFU);
    }
  }
  return bytes;
}

/// The steps of a conformance file, in order.
inline std::vector<ConformanceStep> load_conformance(const std::filesystem::path& file) {
  std::ifstream stream(file);
  if (!stream) throw std::runtime_error("cannot read " + file.string());
  std::vector<ConformanceStep> steps;
  for (std::string line; std::getline(stream, line);) {
    const auto json = nlohmann::json::parse(line);
    ConformanceStep step;
    if (json.contains("section")) {
      step.kind = ConformanceStep::Kind::kSection;
      step.name = json.at("section");
      step.caller = json.value("caller", "operator");
    } else if (json.contains("advance_ms")) {
      step.kind = ConformanceStep::Kind::kAdvance;
      step.advance_ms = json.at("advance_ms");
    } else {
      step.name = json.at("name");
      step.send = json.contains("send_b64") ? base64_decoded(json.at("send_b64").get<std::string>())
                                            : json.at("send").get<std::string>();
      step.expect = json.at("expect");
      step.contains = json.value("contains", "");
      step.closes = json.value("closes", false);
    }
    steps.push_back(std::move(step));
  }
  return steps;
}

}  // namespace appmem::test
