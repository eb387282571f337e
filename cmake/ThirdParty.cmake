# Libraries from Debian packages, each behind one target `appmem::3p::NAME`. Nothing is downloaded.

function(appmem_third_party name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "" "LINK;DEFINITIONS")
  add_library(appmem_3p_${name} INTERFACE)
  add_library(appmem::3p::${name} ALIAS appmem_3p_${name})
  target_link_libraries(appmem_3p_${name} INTERFACE ${arg_LINK})
  target_compile_definitions(appmem_3p_${name} INTERFACE ${arg_DEFINITIONS})
endfunction()

function(appmem_require_header header package)
  string(MAKE_C_IDENTIFIER "APPMEM_HEADER_${header}" variable)
  find_path(${variable} "${header}")
  mark_as_advanced(${variable})
  if(NOT ${variable})
    message(FATAL_ERROR "${header} is missing: install ${package} (scripts/install-deps does)")
  endif()
endfunction()

find_package(tl-expected REQUIRED)
appmem_third_party(expected LINK tl::expected)

appmem_require_header(xxhash.h libxxhash-dev)
appmem_third_party(xxhash DEFINITIONS XXH_INLINE_ALL)

find_package(simdjson REQUIRED)
appmem_third_party(simdjson LINK simdjson::simdjson)

find_package(nlohmann_json REQUIRED)
appmem_third_party(nlohmann_json LINK nlohmann_json::nlohmann_json)

find_package(spdlog REQUIRED)
appmem_third_party(spdlog LINK spdlog::spdlog)

find_package(CLI11 REQUIRED)
appmem_third_party(cli11 LINK CLI11::CLI11)

find_package(tomlplusplus REQUIRED)
appmem_third_party(tomlplusplus LINK tomlplusplus::tomlplusplus)

find_package(ZLIB REQUIRED)
appmem_third_party(zlib LINK ZLIB::ZLIB)

find_package(PkgConfig REQUIRED)
pkg_check_modules(libedit REQUIRED IMPORTED_TARGET libedit)
appmem_third_party(libedit LINK PkgConfig::libedit)

pkg_check_modules(libzstd REQUIRED IMPORTED_TARGET libzstd)
appmem_third_party(zstd LINK PkgConfig::libzstd)

# Asio is compiled once, in a unit of its own: its headers then only declare.
appmem_require_header(asio.hpp libasio-dev)
add_library(appmem_3p_asio STATIC "${PROJECT_SOURCE_DIR}/cmake/asio.cpp")
add_library(appmem::3p::asio ALIAS appmem_3p_asio)
target_compile_definitions(appmem_3p_asio PUBLIC
  ASIO_STANDALONE ASIO_SEPARATE_COMPILATION ASIO_NO_DEPRECATED
  # clang 14 does not find these out by itself.
  ASIO_HAS_CO_AWAIT ASIO_HAS_STD_COROUTINE
  # Asio asks a macro of libstdc++ that is only there behind another include, so that sources would
  # disagree: one would allocate with aligned_alloc() what another gives to operator delete.
  ASIO_HAS_STD_ALIGNED_ALLOC)
