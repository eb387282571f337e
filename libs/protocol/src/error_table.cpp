#include "appmem/protocol/error_table.h"

#include <cstddef>
#include <iterator>

namespace appmem::protocol {
namespace {

constexpr ErrorRow kRows[] = {
    {ErrorCode::kInvalidJson, 400, "ERR", 4},  {ErrorCode::kInvalidRequest, 400, "ERR", 4},
    {ErrorCode::kUnknownOp, 400, "ERR", 4},    {ErrorCode::kUnauthenticated, 401, "NOAUTH", 5},
    {ErrorCode::kForbidden, 403, "NOPERM", 5}, {ErrorCode::kNotFound, 404, "ERR", 1},
    {ErrorCode::kExists, 409, "ERR", 1},       {ErrorCode::kConflict, 409, "ERR", 1},
    {ErrorCode::kTooLarge, 413, "ERR", 4},     {ErrorCode::kWrongType, 422, "WRONGTYPE", 4},
    {ErrorCode::kNotInteger, 422, "ERR", 4},   {ErrorCode::kOverflow, 422, "ERR", 4},
    {ErrorCode::kOutOfRange, 422, "ERR", 4},   {ErrorCode::kBusy, 429, "ERR", 4},
    {ErrorCode::kTimeout, 504, "ERR", 6},      {ErrorCode::kOutOfMemory, 507, "OOM", 4},
    {ErrorCode::kReadOnly, 503, "ERR", 4},     {ErrorCode::kUnavailable, 503, "ERR", 4},
    {ErrorCode::kInternal, 500, "ERR", 4},
};

constexpr bool rows_are_in_order() {
  for (std::size_t i = 0; i < kErrorCodeCount; ++i) {
    if (static_cast<std::size_t>(kRows[i].code) != i) return false;
  }
  return true;
}
static_assert(std::size(kRows) == kErrorCodeCount && rows_are_in_order());

}  // namespace

const ErrorRow& error_row(ErrorCode code) {
  return kRows[static_cast<std::size_t>(code)];
}

}  // namespace appmem::protocol
