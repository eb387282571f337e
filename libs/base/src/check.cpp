#include "appmem/base/check.h"

#include <cstdio>
#include <cstdlib>

namespace appmem {

void check_failed(const char* expression, const char* file, int line) {
  std::fprintf(stderr, "appmem: broken invariant at %s:%d: %s\n", file, line, expression);
  std::abort();
}

}  // namespace appmem
