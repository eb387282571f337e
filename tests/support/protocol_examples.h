#pragma once

#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <string>
#include <vector>

namespace appmem::test {

/// A request in docs/protocol.md and the answer below it.
struct ProtocolExample {
  std::size_t line_number = 0;
  std::string request;
  std::string answer;
};

/// All examples of a document, in order: the lines of its blocks fenced as ```ndjson, `> ` before a
/// request and `< ` before its answer. Anything else in such a block is an exception.
inline std::vector<ProtocolExample> load_protocol_examples(const std::filesystem::path& file) {
  std::ifstream stream(file);
  if (!stream) throw std::runtime_error("cannot read " + file.string());
  std::vector<ProtocolExample> examples;
  bool inside = false;
  bool answered = true;
  std::size_t number = 0;
  for (std::string line; std::getline(stream, line);) {
    ++number;
    if (!inside) {
      inside = line == "```ndjson";
      continue;
    }
    if (line == "```" && answered) {
      inside = false;
    } else if (line.starts_with("> ") && answered) {
      examples.push_back({number, line.substr(2), {}});
      answered = false;
    } else if (line.starts_with("< ") && !answered) {
      examples.back().answer = line.substr(2);
      answered = true;
    } else {
      throw std::runtime_error(file.string() + ':' + std::to_string(number) +
                               ": a request, its answer, a request, and so on");
    }
  }
  if (inside || !answered) throw std::runtime_error(file.string() + ": an example without its end");
  return examples;
}

}  // namespace appmem::test
