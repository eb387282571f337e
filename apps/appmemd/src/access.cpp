#include "access.h"

#include <fstream>
#include <string>

namespace appmem::daemon {
namespace {

/// Every number but the last, which stands for none.
constexpr std::uint64_t kIdsOfMachine = 0xFFFF'FFFF;
constexpr std::uint32_t kOverflowDefault = 65'534;

/// Whether a map (user_namespaces(7): first inside, first outside, how many) leaves any out. One
/// that cannot be read is that of a kernel without user namespaces.
bool leaves_out(const std::filesystem::path& map) {
  std::ifstream stream(map);
  std::uint64_t inside = 0;
  std::uint64_t outside = 0;
  std::uint64_t count = 0;
  std::uint64_t mapped = 0;
  while (stream >> inside >> outside >> count)
    mapped += count;
  return stream.eof() && mapped < kIdsOfMachine;
}

std::uint32_t number_in(const std::filesystem::path& file) {
  std::ifstream stream(file);
  std::uint32_t number = 0;
  return stream >> number ? number : kOverflowDefault;
}

tl::unexpected<Error> mistakable(const std::string& whom, std::uint32_t id,
                                 const std::string& advice) {
  return fail(ErrorCode::kInvalidRequest,
              whom + " has the number " + std::to_string(id) +
                  ", under which this user namespace shows everybody who is not in it, so that "
                  "strangers could be taken for it: " +
                  advice);
}

}  // namespace

OverflowIds read_overflow_ids(const std::filesystem::path& root) {
  const std::filesystem::path process = root / "proc/self";
  const std::filesystem::path kernel = root / "proc/sys/kernel";
  OverflowIds ids;
  if (leaves_out(process / "uid_map")) ids.uid = number_in(kernel / "overflowuid");
  if (leaves_out(process / "gid_map")) ids.gid = number_in(kernel / "overflowgid");
  return ids;
}

Result<protocol::AccessPolicy> access_policy(std::uint32_t daemon_uid,
                                             std::optional<std::uint32_t> member_gid, Reach reach,
                                             const OverflowIds& overflow) {
  // Whom the kernel lets through the socket's mode does not depend on how it shows them.
  if (reach != Reach::kOwner && overflow.uid == daemon_uid) {
    return mistakable("the daemon's user", daemon_uid,
                      "run it as another user, or with --socket-mode 0600");
  }
  if (reach == Reach::kAll && member_gid && overflow.gid == member_gid) {
    return mistakable("the socket's group", *member_gid,
                      "name another --socket-group, or use --socket-mode 0660");
  }
  return protocol::AccessPolicy{.daemon_uid = daemon_uid, .member_gid = member_gid};
}

}  // namespace appmem::daemon
