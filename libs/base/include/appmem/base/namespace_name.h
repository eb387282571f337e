#pragma once

#include <string_view>

namespace appmem {

/// What keeps `name` from being a namespace's, as a sentence; empty where nothing does. 1 to
/// kNamespaceNameBytesMax of the characters A-Z a-z 0-9 . _ : -, and not digits alone, since RESP's
/// SELECT takes a name or a number. Static storage.
std::string_view namespace_name_complaint(std::string_view name);

}  // namespace appmem
