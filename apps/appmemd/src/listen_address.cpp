#include "listen_address.h"

#include <algorithm>
#include <charconv>
#include <set>
#include <utility>

#include "appmem/base/limits.h"
#include "appmem/base/socket_path.h"

namespace appmem::daemon {
namespace {

constexpr std::string_view kBlanks = " \t\r\n";
constexpr std::uint32_t kModeMax = 0777;

constexpr std::pair<std::string_view, ListenerProtocol> kProtocols[] = {
    {"auto", ListenerProtocol::kAuto},
    {"json", ListenerProtocol::kJson},
    {"resp", ListenerProtocol::kResp}};

tl::unexpected<Error> expected(const std::string& what) {
  return fail(ErrorCode::kInvalidRequest, "expected " + what);
}

/// `text` with what has a meaning of its own as %XX.
std::string encoded(std::string_view text) {
  constexpr std::string_view kHex = "0123456789ABCDEF";
  constexpr std::string_view kMeaning = "%?&";
  std::string out;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte > ' ' && byte != 0x7F && kMeaning.find(c) == std::string_view::npos) {
      out += c;
    } else {
      out += '%';
      out += kHex[byte >> 4U];
      out += kHex[byte & 0xFU];
    }
  }
  return out;
}

Result<std::string> decoded(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    if (text.front() != '%') {
      out += text.front();
      text.remove_prefix(1);
      continue;
    }
    unsigned byte = 0;
    const std::string_view digits = text.substr(1, 2);
    const auto [end, error] =
        std::from_chars(digits.data(), digits.data() + digits.size(), byte, 16);
    if (error != std::errc{} || digits.size() < 2 || end != digits.data() + 2) {
      return expected("two hexadecimal digits behind each % (write %25 for a % itself)");
    }
    out += static_cast<char>(byte);
    text.remove_prefix(3);
  }
  return out;
}

Result<void> set_parameter(ListenAddress& address, std::string_view name,
                           const std::string& value) {
  if (name == "protocol") {
    for (const auto& [word, protocol] : kProtocols) {
      if (word != value) continue;
      address.protocol = protocol;
      return {};
    }
    return expected("protocol to be auto, json or resp");
  }
  if (name == "token-file") {
    if (value.empty()) return expected("token-file to name a file");
    address.token_file = value;
    return {};
  }
  if (name == "insecure") {
    if (value != "true" && value != "false") return expected("insecure to be true or false");
    address.insecure = value == "true";
    if (!address.tcp && address.insecure) {
      return expected(
          "insecure for tcp:// only: on a Unix socket mode and group say who may connect");
    }
    return {};
  }
  if (name != "mode" && name != "group") {
    return expected("protocol, mode, group, token-file or insecure behind the address");
  }
  if (address.tcp) return expected("mode and group for Unix sockets only");
  if (name == "group") {
    address.group = value;
    return {};
  }
  const auto mode = parse_mode(value);
  if (!mode) return fail(mode.error());
  address.mode = *mode;
  return {};
}

Result<void> read_place(std::string_view text, ListenAddress& address) {
  if (text.starts_with(kTcpScheme)) {
    auto tcp = parse_tcp_address(text);
    if (!tcp) return fail(std::move(tcp).error());
    address.tcp = *std::move(tcp);
    return {};
  }
  if (!text.starts_with(kUnixScheme) && text.find('/') != 0) {
    return expected("an address such as unix:/run/appmem/appmem.sock or tcp://127.0.0.1:6379");
  }
  const auto path = decoded(text);
  if (!path) return fail(path.error());
  auto socket = parse_socket_path(*path);
  if (!socket) return fail(std::move(socket).error());
  address.socket = *std::move(socket);
  return {};
}

}  // namespace

Result<std::uint32_t> parse_mode(std::string_view text) {
  std::uint32_t mode = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), mode, 8);
  if (error != std::errc{} || end != text.data() + text.size() || mode > kModeMax) {
    return expected("permissions in octal digits, such as 0600 or 0660");
  }
  constexpr std::uint32_t kMayWrite = 0222;
  if ((mode & kMayWrite) == 0) {
    return expected(
        "a mode with the right to write, without which nobody can connect, such as 0600");
  }
  return mode;
}

std::string show_mode(std::uint32_t mode) {
  std::string text = "0";
  for (int shift = 6; shift >= 0; shift -= 3) {
    text += static_cast<char>('0' + (mode >> static_cast<unsigned>(shift) & 7U));
  }
  return text;
}

Result<std::string> parse_socket_path(std::string_view text) {
  const std::string_view scheme = address_scheme(text);
  if (scheme == kUnixScheme) {
    text.remove_prefix(kUnixScheme.size());
  } else if (!scheme.empty()) {
    return expected("unix:PATH or a path with a slash (" + std::string(scheme) +
                    " is not known here)");
  } else if (text.find('/') == std::string_view::npos) {
    return expected("unix:PATH or a path with a slash, such as ./app.sock");
  }
  if (text.empty() || text.find('\0') != std::string_view::npos) return expected("a path");
  if (text.size() > kSocketPathBytesMax) {
    return expected("a path of at most " + std::to_string(kSocketPathBytesMax) +
                    " bytes, the kernel's limit for socket paths; this one has " +
                    std::to_string(text.size()));
  }
  return std::string(text);
}

Result<ListenAddress> parse_listen_address(std::string_view text) {
  ListenAddress address;
  const std::size_t question = std::min(text.find('?'), text.size());
  if (auto read = read_place(text.substr(0, question), address); !read) {
    return fail(std::move(read).error());
  }
  std::set<std::string_view> seen;
  std::string_view query = text.substr(std::min(question + 1, text.size()));
  while (!query.empty()) {
    const std::string_view pair = query.substr(0, query.find('&'));
    query.remove_prefix(std::min(pair.size() + 1, query.size()));
    const std::size_t equals = pair.find('=');
    if (equals == std::string_view::npos) return expected("NAME=VALUE behind the address's ?");
    const std::string_view name = pair.substr(0, equals);
    const auto value = decoded(pair.substr(equals + 1));
    if (!value) return fail(value.error());
    if (!seen.insert(name).second) return expected("each setting of an address once");
    if (auto set = set_parameter(address, name, *value); !set) return fail(std::move(set).error());
  }
  if (address.tcp && address.token_file.empty() && !address.insecure) {
    return expected(
        "token-file=FILE (or insecure=true) behind a TCP address: over TCP nobody can tell which "
        "user connects");
  }
  if (address.insecure && !address.token_file.empty()) {
    return expected("either token-file or insecure");
  }
  return address;
}

std::string ListenAddress::to_string() const {
  std::string text = tcp ? tcp->to_string() : std::string(kUnixScheme) + encoded(socket);
  char separator = '?';
  const auto add = [&](std::string_view name, std::string_view value) {
    text.append(1, std::exchange(separator, '&')).append(name).append("=").append(encoded(value));
  };
  if (protocol != ListenerProtocol::kAuto) {
    const auto* const word =
        std::find_if(std::begin(kProtocols), std::end(kProtocols),
                     [this](const auto& one) { return one.second == protocol; });
    add("protocol", word->first);
  }
  if (mode) add("mode", show_mode(*mode));
  if (!group.empty()) add("group", group);
  if (!token_file.empty()) add("token-file", token_file);
  if (insecure) add("insecure", "true");
  return text;
}

Result<std::vector<ListenAddress>> parse_listen_addresses(std::string_view text) {
  std::vector<ListenAddress> addresses;
  for (;;) {
    text.remove_prefix(std::min(text.find_first_not_of(kBlanks), text.size()));
    if (text.empty()) return addresses;
    const std::string_view one = text.substr(0, text.find_first_of(kBlanks));
    text.remove_prefix(one.size());
    auto address = parse_listen_address(one);
    if (!address) return fail(std::move(address).error());
    if (addresses.size() == kListenersMax) {
      return expected("at most " + std::to_string(kListenersMax) + " addresses");
    }
    addresses.push_back(*std::move(address));
  }
}

std::string show_listen_addresses(const std::vector<ListenAddress>& addresses) {
  std::string text;
  for (const ListenAddress& address : addresses) {
    if (!text.empty()) text += ' ';
    text += address.to_string();
  }
  return text;
}

}  // namespace appmem::daemon
