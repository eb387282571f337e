# cmake -P cmake/CheckIncludes.cmake: each #include of a library or program stays within its row of
# cmake/Layers.cmake. Debian's headers all lie in /usr/include, so the compiler alone cannot tell.
cmake_minimum_required(VERSION 3.25)
include("${CMAKE_CURRENT_LIST_DIR}/Layers.cmake")
get_filename_component(root "${CMAKE_CURRENT_LIST_DIR}" DIRECTORY)

# Header prefix and the name in the table that allows it.
set(third_party
  "asio=asio" "simdjson=simdjson" "nlohmann/=nlohmann_json" "spdlog/=spdlog" "fmt/=spdlog"
  "CLI/=cli11" "toml\\+\\+/=tomlplusplus" "xxhash\\.h=xxhash" "tl/=expected" "histedit\\.h=libedit"
  "zlib\\.h=zlib" "zstd\\.h=zstd")

set(failed FALSE)
file(GLOB folders "${root}/libs/*" "${root}/apps/*")
foreach(folder IN LISTS folders)
  get_filename_component(layer "${folder}" NAME)
  # A program wires the libraries together, so it may use what they show in their headers.
  set(allowed ${APPMEM_LAYER_${layer}} ${layer} 3p::expected)
  if(layer STREQUAL "appmemd")
    list(APPEND allowed 3p::asio)
  elseif(layer STREQUAL "appmemctl")
    list(APPEND allowed protocol)
  endif()
  file(GLOB_RECURSE sources "${folder}/*.h" "${folder}/*.cpp")
  foreach(source IN LISTS sources)
    file(STRINGS "${source}" includes REGEX "^ *# *include")
    foreach(include IN LISTS includes)
      string(REGEX REPLACE "^ *# *include *[<\"]([^>\"]*)[>\"].*" "\\1" header "${include}")
      set(owner "")
      if(header MATCHES "^appmem/([a-z0-9_]+)/")
        set(owner "${CMAKE_MATCH_1}")
      else()
        foreach(entry IN LISTS third_party)
          string(REGEX REPLACE "=.*" "" prefix "${entry}")
          if(header MATCHES "^${prefix}")
            string(REGEX REPLACE ".*=" "3p::" owner "${entry}")
          endif()
        endforeach()
      endif()
      if(owner AND NOT owner IN_LIST allowed)
        file(RELATIVE_PATH where "${root}" "${source}")
        message(SEND_ERROR "${where} may not include <${header}>: ${layer} may use ${APPMEM_LAYER_${layer}}")
      endif()
    endforeach()
  endforeach()
endforeach()
