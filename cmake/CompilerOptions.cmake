# Language, warnings, sanitizers, linker and compiler cache, for every target of the project.

set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
set(CMAKE_RUNTIME_OUTPUT_DIRECTORY "${CMAKE_BINARY_DIR}/bin")

add_compile_definitions(APPMEM_VERSION="${PROJECT_VERSION}")

add_compile_options(
  -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wsign-conversion -Wold-style-cast -Wcast-align
  -Wformat=2 -Wnon-virtual-dtor -Woverloaded-virtual -Wextra-semi -Wimplicit-fallthrough
  # Names in assertions and debug information are relative to the source: the same object anywhere.
  "-ffile-prefix-map=${PROJECT_SOURCE_DIR}/=")
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  add_compile_options(
    -Wduplicated-cond
    # False positives of g++ 12 inside its own std::string (GCC bug 105651).
    -Wno-restrict)
endif()
if(APPMEM_WERROR)
  add_compile_options(-Werror)
endif()

if(CMAKE_BUILD_TYPE STREQUAL "Release")
  add_compile_options(-fstack-protector-strong)
  add_compile_definitions(_FORTIFY_SOURCE=2)
else()
  # Containers and views check their bounds.
  add_compile_definitions(_GLIBCXX_ASSERTIONS)
endif()

if(APPMEM_SANITIZE STREQUAL "address")
  set(sanitizers -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer)
  if(CMAKE_CXX_COMPILER_ID STREQUAL "Clang")
    # clang 14 reports every coroutine's resume function as a call through a wrong type.
    list(APPEND sanitizers -fno-sanitize=function)
  endif()
  if(APPMEM_FUZZ)
    # The libraries are what a fuzzer explores: it follows their branches and comparisons.
    list(APPEND sanitizers -fsanitize=fuzzer-no-link)
  endif()
elseif(APPMEM_SANITIZE STREQUAL "thread")
  set(sanitizers -fsanitize=thread -fno-omit-frame-pointer)
  if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    add_compile_options(-Wno-tsan)  # atomic_thread_fence, which Asio uses
  endif()
elseif(NOT APPMEM_SANITIZE STREQUAL "")
  message(FATAL_ERROR "APPMEM_SANITIZE is `${APPMEM_SANITIZE}`; use `address`, `thread` or nothing")
endif()
if(sanitizers)
  add_compile_options(${sanitizers})
  add_link_options(${sanitizers})
  if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    add_compile_options(-Wno-maybe-uninitialized)  # g++ 12 sees its own instrumentation as such
  endif()
endif()

# A faster linker where there is one; released binaries use the system's own.
find_program(APPMEM_MOLD mold)
mark_as_advanced(APPMEM_MOLD)
if(APPMEM_MOLD AND NOT CMAKE_BUILD_TYPE STREQUAL "Release")
  add_link_options(-fuse-ld=mold)
endif()

# The cache is shared between build folders and clones: paths below the source count as relative.
find_program(APPMEM_CCACHE ccache)
mark_as_advanced(APPMEM_CCACHE)
if(APPMEM_CCACHE AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
  set(CMAKE_CXX_COMPILER_LAUNCHER
      "${CMAKE_COMMAND}" -E env "CCACHE_BASEDIR=${PROJECT_SOURCE_DIR}" CCACHE_NOHASHDIR=1
      "${APPMEM_CCACHE}")
endif()
