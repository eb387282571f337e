#include "access.h"
#include "appmem/base/limits.h"
#include "appmem/commands/dispatcher.h"

namespace appmem::commands {

std::optional<core::KeyRef> Dispatcher::likely_key(const Session& session,
                                                   const protocol::Request& request) const {
  core::KeyRef likely{session.ns, {}};
  if (!request.words().empty()) {
    // In RESP it is nearly always the second word. One that is no key costs a look for it.
    if (request.words().size() > 1) likely.key = request.words()[1];
  } else {
    const protocol::Arguments args = request.arguments();
    const protocol::Argument* const key = args.find(protocol::Field::kKey);
    const auto ns = resolve_namespace(store_, args, session.ns);
    if (key != nullptr && ns) likely = {*ns, key->bytes};
  }
  if (likely.key.empty() || likely.key.size() > kKeyBytesMax) return std::nullopt;
  return likely;
}

}  // namespace appmem::commands
