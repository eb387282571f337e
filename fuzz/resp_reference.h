#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

/// RESP requests as their description has them, without regard to speed: what the codec is compared
/// with.
namespace appmem::reference {

struct RespStream {
  /// The words of each whole request, in order.
  std::vector<std::vector<std::string>> requests;
  /// What the connection is told before it is closed; empty while nothing is wrong.
  std::string problem;
};

/// Reads all that `input` holds, up to what is wrong. `request_bytes_max` bounds a request.
RespStream read_resp(std::string_view input, std::size_t request_bytes_max);

}  // namespace appmem::reference
