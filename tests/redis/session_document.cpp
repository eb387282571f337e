#include "redis/session_document.h"

#include <algorithm>
#include <cctype>
#include <charconv>
#include <cstdio>
#include <fstream>
#include <sstream>
#include <stdexcept>

#include "support/environment.h"

namespace appmem::test {
namespace {

constexpr std::string_view kOfRedis = "redis: ";
constexpr std::string_view kOfAppmem = "here:  ";

/// The line without `prefix`, where it begins with it.
std::optional<std::string_view> behind(std::string_view line, std::string_view prefix) {
  if (!line.starts_with(prefix)) return std::nullopt;
  return line.substr(prefix.size());
}

std::size_t number_of(std::string_view digits) {
  std::size_t number = 0;
  const auto result = std::from_chars(digits.data(), digits.data() + digits.size(), number);
  if (digits.empty() || result.ec != std::errc() || result.ptr != digits.data() + digits.size()) {
    throw std::runtime_error("no number: " + std::string(digits));
  }
  return number;
}

/// The step that a line with a prompt is; nothing where it has none.
std::optional<SessionStep> prompted(std::string_view line) {
  SessionStep step;
  if (const auto wait = behind(line, "wait ")) {
    step.kind = SessionStep::Kind::kWait;
    step.wait_ms = static_cast<std::int64_t>(number_of(wait->substr(0, wait->find(' '))));
    return step;
  }
  const std::size_t end = line.find("> ");
  if (end == std::string_view::npos) return std::nullopt;
  std::string_view prompt = line.substr(0, end);
  step.text = line.substr(end + 2);
  if (!prompt.empty() && prompt[0] >= '1' && prompt[0] <= '9') {
    step.connection = static_cast<std::size_t>(prompt[0] - '0');
    prompt.remove_prefix(1);
  }
  if (prompt == "redis") {
    step.to_appmem = false;
  } else if (prompt == "here") {
    step.to_redis = false;
  } else if (prompt == "silent") {
    step.silent = true;
  } else if (prompt == "raw") {
    step.kind = SessionStep::Kind::kRaw;
  } else if (prompt == "json") {
    step.kind = SessionStep::Kind::kJson;
    step.to_redis = false;
  } else if (!prompt.empty()) {
    return std::nullopt;
  }
  return step;
}

/// Reads the lines of one block.
class BlockReader {
 public:
  explicit BlockReader(SessionBlock& block) : block_(block) {}

  void add(std::string_view line, std::size_t number) {
    if (const auto options = behind(line, "$ appmemd ")) {
      std::istringstream words{std::string(*options)};
      for (std::string word; words >> word;)
        block_.options.push_back(word);
    } else if (auto step = prompted(line)) {
      step->line = number;
      block_.steps.push_back(*std::move(step));
      reply_ = nullptr;
    } else {
      add_reply(line, number);
    }
  }

 private:
  void add_reply(std::string_view line, std::size_t number) {
    if (block_.steps.empty()) {
      throw std::runtime_error("a reply to nothing in line " + std::to_string(number));
    }
    SessionStep& step = block_.steps.back();
    if (const auto text = behind(line, kOfRedis)) {
      reply_ = &step.reply_of_redis.emplace(*text);
    } else if (const auto other = behind(line, kOfAppmem)) {
      reply_ = &step.reply_of_appmem.emplace(*other);
    } else if (reply_ == nullptr) {
      reply_ = &step.reply.emplace(line);
    } else {
      const std::size_t indent = step.reply ? 0 : kOfRedis.size();
      *reply_ += '\n';
      *reply_ += line.substr(std::min(line.size(), indent));
    }
  }

  SessionBlock& block_;
  std::string* reply_ = nullptr;
};

std::optional<char> hex_digits(std::string_view two) {
  unsigned value = 0;
  if (two.size() != 2) return std::nullopt;
  const auto result = std::from_chars(two.data(), two.data() + 2, value, 16);
  if (result.ec != std::errc() || result.ptr != two.data() + 2) return std::nullopt;
  return static_cast<char>(value);
}

/// Undoes the escape that `text` begins with, and goes past it.
char take_escape(std::string_view& text) {
  constexpr std::string_view kNames = "nrtab";
  constexpr std::string_view kMeant = "\n\r\t\a\b";
  text.remove_prefix(1);
  if (text.empty()) throw std::runtime_error("a backslash at the end");
  if (const auto byte = text[0] == 'x' ? hex_digits(text.substr(1, 2)) : std::nullopt) {
    text.remove_prefix(3);
    return *byte;
  }
  const std::size_t name = kNames.find(text[0]);
  const char meant = name == std::string_view::npos ? text[0] : kMeant[name];
  text.remove_prefix(1);
  return meant;
}

void add_plain_words(const std::string& word, Words& words) {
  constexpr std::string_view kTimes = "×";
  if (const std::size_t times = word.find(kTimes); times != std::string::npos) {
    const std::size_t count = number_of(std::string_view(word).substr(times + kTimes.size()));
    std::string& repeated = words.emplace_back();
    repeated.reserve(times * count);
    for (std::size_t i = 0; i < count; ++i)
      repeated.append(word, 0, times);
    return;
  }
  const std::size_t open = word.find('{');
  const std::size_t dots = word.find("..", open);
  const std::size_t close = word.find('}', dots);
  if (open == std::string::npos || dots == std::string::npos || close == std::string::npos) {
    words.push_back(word);
    return;
  }
  const std::string_view view = word;
  const std::size_t last = number_of(view.substr(dots + 2, close - dots - 2));
  for (std::size_t i = number_of(view.substr(open + 1, dots - open - 1)); i <= last; ++i)
    words.push_back(word.substr(0, open) + std::to_string(i) + word.substr(close + 1));
}

}  // namespace

std::vector<SessionSection> load_sessions(const std::string& file) {
  std::ifstream stream(source_dir() / file);
  if (!stream.is_open()) throw std::runtime_error("no " + file);
  std::vector<SessionSection> sections(1);
  std::optional<BlockReader> block;
  bool fenced = false;
  std::string line;
  for (std::size_t number = 1; std::getline(stream, line); ++number) {
    if (line.starts_with("```")) {
      fenced = !fenced;
      block.reset();
      if (fenced && line == "```redis") {
        auto& blocks = sections.back().blocks;
        blocks.push_back({number, sections.back().name, {}, {}});
        block.emplace(blocks.back());
      }
    } else if (block) {
      block->add(line, number);
    } else if (!fenced && line.starts_with("### ")) {
      sections.push_back({line.substr(4), {}, {}});
    } else if (!fenced && line.starts_with("## ")) {
      sections.emplace_back();
    } else if (!fenced) {
      sections.back().text += line + '\n';
    }
  }
  return sections;
}

Words session_words(std::string_view text) {
  Words words;
  while (!text.empty()) {
    if (text[0] == ' ') {
      text.remove_prefix(1);
    } else if (text[0] == '"') {
      std::string& word = words.emplace_back();
      for (text.remove_prefix(1); !text.empty() && text[0] != '"';) {
        if (text[0] == '\\') {
          word += take_escape(text);
        } else {
          word += text[0];
          text.remove_prefix(1);
        }
      }
      if (text.empty()) throw std::runtime_error("a quote is missing");
      text.remove_prefix(1);
    } else {
      const std::string word(text.substr(0, text.find(' ')));
      text.remove_prefix(word.size());
      add_plain_words(word, words);
    }
  }
  return words;
}

std::string from_escapes(std::string_view text) {
  std::string bytes;
  while (!text.empty()) {
    if (text[0] == '\\') {
      bytes += take_escape(text);
    } else {
      bytes += text[0];
      text.remove_prefix(1);
    }
  }
  return bytes;
}

std::string to_escapes(std::string_view bytes) {
  std::string text;
  for (const char c : bytes) {
    if (c == '\r') {
      text += "\\r";
    } else if (c == '\n') {
      text += "\\n";
    } else if (c == '\\') {
      text += "\\\\";
    } else if (std::isprint(static_cast<unsigned char>(c)) != 0) {
      text += c;
    } else {
      char escape[5];
      std::snprintf(escape, sizeof escape, "\\x%02x", static_cast<unsigned char>(c));
      text += escape;
    }
  }
  return text;
}

}  // namespace appmem::test
