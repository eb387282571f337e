# The kinds of targets that the project has. Sources are always listed, never globbed.

# appmem_library(NAME [SOURCES ...] [HEADERS ...] [PUBLIC libs...] [PRIVATE libs...])
# A static library appmem_NAME, alias appmem::NAME, whose public headers are below include/.
# Without SOURCES it is header-only. What it may link: cmake/Layers.cmake.
function(appmem_library name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "" "SOURCES;HEADERS;PUBLIC;PRIVATE")
  appmem_reject_unparsed(appmem_library "${arg_UNPARSED_ARGUMENTS}")
  set(target appmem_${name})
  if(arg_SOURCES)
    add_library(${target} STATIC ${arg_SOURCES})
    target_include_directories(${target} PUBLIC include PRIVATE src)
    target_link_libraries(${target} PUBLIC ${arg_PUBLIC} PRIVATE ${arg_PRIVATE})
  else()
    add_library(${target} INTERFACE)
    target_include_directories(${target} INTERFACE include)
    target_link_libraries(${target} INTERFACE ${arg_PUBLIC} ${arg_PRIVATE})
  endif()
  target_sources(${target} PRIVATE ${arg_HEADERS})
  add_library(appmem::${name} ALIAS ${target})
endfunction()

# appmem_program(NAME SOURCES ... [LIB_SOURCES ...] LIBS ...)
# A program in build/PRESET/bin, installed with the project. LIB_SOURCES become the static library
# NAME_lib, which the program and its tests link; SOURCES is then only the file with main().
function(appmem_program name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "" "SOURCES;LIB_SOURCES;LIBS")
  appmem_reject_unparsed(appmem_program "${arg_UNPARSED_ARGUMENTS}")
  if(NOT arg_SOURCES)
    return()
  endif()
  add_executable(${name} ${arg_SOURCES})
  if(arg_LIB_SOURCES)
    add_library(${name}_lib STATIC ${arg_LIB_SOURCES})
    target_include_directories(${name}_lib PUBLIC src)
    target_link_libraries(${name}_lib PUBLIC ${arg_LIBS})
    target_link_libraries(${name} PRIVATE ${name}_lib)
  else()
    target_link_libraries(${name} PRIVATE ${arg_LIBS})
  endif()
  install(TARGETS ${name} RUNTIME DESTINATION "${CMAKE_INSTALL_BINDIR}")
endfunction()

# appmem_test(NAME SOURCES ... LIBS ... [LABELS ...] [DEPENDS targets...]
#             [TIMEOUT seconds])
# A GoogleTest program in tests/X, which also sees the private headers of libs/X where there is such
# a library. ctest runs each test of it alone, from the root of the source.
# Labels with a meaning: `threads` (runs under ThreadSanitizer in CI), `e2e` (starts programs).
function(appmem_test name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "TIMEOUT" "SOURCES;LIBS;LABELS;DEPENDS")
  appmem_reject_unparsed(appmem_test "${arg_UNPARSED_ARGUMENTS}")
  if(NOT arg_TIMEOUT)
    set(arg_TIMEOUT 120)
  endif()
  add_executable(${name} ${arg_SOURCES})
  target_link_libraries(${name} PRIVATE ${arg_LIBS} appmem_test_support GTest::gmock GTest::gtest_main)
  get_filename_component(library "${CMAKE_CURRENT_SOURCE_DIR}" NAME)
  target_include_directories(${name} PRIVATE "${PROJECT_SOURCE_DIR}/libs/${library}/src")
  if(arg_DEPENDS)
    add_dependencies(${name} ${arg_DEPENDS})
  endif()
  if("threads" IN_LIST arg_LABELS)
    add_dependencies(threads_tests ${name})
  endif()
  gtest_discover_tests(${name}
    TEST_PREFIX "${name}."
    TEST_LIST ${name}_list
    WORKING_DIRECTORY "${PROJECT_SOURCE_DIR}"
    DISCOVERY_MODE PRE_TEST
    DISCOVERY_TIMEOUT 60)
  # Properties that are lists do not pass through gtest_discover_tests(): ctest sets them from a file.
  set(properties "${CMAKE_CURRENT_BINARY_DIR}/${name}_properties.cmake")
  file(CONFIGURE OUTPUT "${properties}" CONTENT [[
if(@name@_list)
  set_tests_properties(${@name@_list} PROPERTIES
    TIMEOUT "@arg_TIMEOUT@"
    LABELS "@arg_LABELS@")
endif()
]] @ONLY)
  set_property(DIRECTORY APPEND PROPERTY TEST_INCLUDE_FILES "${properties}")
endfunction()

# appmem_fuzzer(NAME SOURCES ... LIBS ...)
# The target fuzz_NAME over fuzz/corpus/NAME and, where it exists, fuzz/dict/NAME.dict. With
# APPMEM_FUZZ it is a libFuzzer program; otherwise it is a test that replays the corpus.
function(appmem_fuzzer name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "" "SOURCES;LIBS")
  appmem_reject_unparsed(appmem_fuzzer "${arg_UNPARSED_ARGUMENTS}")
  set(target fuzz_${name})
  add_executable(${target} ${arg_SOURCES})
  target_link_libraries(${target} PRIVATE ${arg_LIBS})
  add_dependencies(fuzzers ${target})
  if(APPMEM_FUZZ)
    # Not the target's own sources: what a reference does differently is no news about the libraries,
    # and following it took most of the time.
    target_compile_options(${target} PRIVATE -fno-sanitize=fuzzer-no-link -O2)
    target_link_options(${target} PRIVATE -fsanitize=fuzzer)
  else()
    target_sources(${target} PRIVATE "${PROJECT_SOURCE_DIR}/fuzz/replay_main.cpp")
    add_test(NAME ${target}.corpus COMMAND ${target} "${PROJECT_SOURCE_DIR}/fuzz/corpus/${name}")
    set_tests_properties(${target}.corpus PROPERTIES TIMEOUT 120)
  endif()
endfunction()

# appmem_benchmark(NAME SOURCES ... LIBS ...): a Google Benchmark program bench_NAME.
function(appmem_benchmark name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "" "SOURCES;LIBS")
  appmem_reject_unparsed(appmem_benchmark "${arg_UNPARSED_ARGUMENTS}")
  add_executable(bench_${name} ${arg_SOURCES})
  target_link_libraries(bench_${name} PRIVATE ${arg_LIBS} benchmark::benchmark_main)
endfunction()

function(appmem_reject_unparsed function arguments)
  if(arguments)
    message(FATAL_ERROR "${function}: unknown arguments: ${arguments}")
  endif()
endfunction()
