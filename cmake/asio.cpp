#include <asio/impl/src.hpp>  // the whole of Asio, see ASIO_SEPARATE_COMPILATION
