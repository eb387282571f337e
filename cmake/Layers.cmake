# What each library and program may link and include, and nothing else. Configuring fails for a link
# that the table does not name; the test `layers` fails for such an #include (cmake/CheckIncludes.cmake).
# `base` brings tl::expected to everyone.

set(APPMEM_LAYER_base      3p::expected)
set(APPMEM_LAYER_core      base 3p::xxhash)
set(APPMEM_LAYER_storage   base core 3p::zstd)
set(APPMEM_LAYER_protocol  base)
set(APPMEM_LAYER_codecs    base protocol 3p::simdjson 3p::nlohmann_json)
set(APPMEM_LAYER_commands  base core protocol)
set(APPMEM_LAYER_server    base protocol 3p::asio)
set(APPMEM_LAYER_client    base core protocol codecs commands)
set(APPMEM_LAYER_appmemd   base core storage protocol codecs commands server
                           3p::spdlog 3p::cli11 3p::tomlplusplus 3p::nlohmann_json)
set(APPMEM_LAYER_appmemctl base client storage 3p::cli11 3p::libedit 3p::nlohmann_json 3p::zlib)

# Fails when a target of the table links what its row does not name.
function(appmem_check_layers)
  foreach(layer base core storage protocol codecs commands server client appmemd appmemctl)
    foreach(target appmem_${layer} ${layer} ${layer}_lib)
      if(TARGET ${target})
        appmem_check_layer(${layer} ${target})
      endif()
    endforeach()
  endforeach()
endfunction()

function(appmem_check_layer layer target)
  set(links "")
  foreach(property LINK_LIBRARIES INTERFACE_LINK_LIBRARIES)
    get_target_property(value ${target} ${property})
    if(value)
      list(APPEND links ${value})
    endif()
  endforeach()
  foreach(link IN LISTS links)
    string(REGEX REPLACE "^\\$<LINK_ONLY:(.*)>$" "\\1" link "${link}")
    if(link STREQUAL "${layer}_lib")
      continue()  # a program may be a thin main over a library of its own, for its tests
    endif()
    string(REGEX REPLACE "^appmem::" "" name "${link}")
    if(name STREQUAL link OR NOT name IN_LIST APPMEM_LAYER_${layer})
      message(FATAL_ERROR "${target} may not link ${link}; its row in cmake/Layers.cmake allows: "
                          "${APPMEM_LAYER_${layer}}")
    endif()
  endforeach()
endfunction()
