#include "support/protocol_examples.h"

#include <set>

#include <nlohmann/json.hpp>

#include "commands/harness.h"
#include "support/environment.h"

/// Runs the examples of docs/protocol.md, in order, over one connection.
namespace appmem::test {
namespace {

using Json = nlohmann::json;

/// Fields whose numbers depend on the server: any other number will do.
bool varies(const std::string& field) {
  static const std::set<std::string> names{"version", "bytes",     "memory", "uid",
                                           "gid",     "owner_uid", "pid",    "uptime_ms"};
  return names.count(field) != 0;
}

/// `json` with 0 in place of what varies.
Json fixed(Json json) {
  if (json.is_object()) {
    for (auto& [name, value] : json.items()) {
      value = varies(name) && value.is_number() ? Json(0) : fixed(value);
      if (name == "versions") value = Json(std::vector<int>(value.size()));
    }
  } else if (json.is_array()) {
    for (auto& item : json)
      item = fixed(item);
  }
  return json;
}

TEST(ProtocolExamplesTest, EveryExampleGetsTheAnswerBelowIt) {
  TestServer server;
  Peer peer(server);
  const auto examples = load_protocol_examples(source_dir() / "docs/protocol.md");
  EXPECT_GT(examples.size(), 40U);
  for (const auto& example : examples) {
    const testing::ScopedTrace trace("docs/protocol.md", static_cast<int>(example.line_number),
                                     example.request);
    EXPECT_EQ(fixed(Json::parse(peer.ask(example.request))), fixed(Json::parse(example.answer)));
  }
}

}  // namespace
}  // namespace appmem::test
