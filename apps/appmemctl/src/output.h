#pragma once

#include <string>
#include <string_view>

namespace appmem::ctl {

/// Standard output, buffered. A reader that has gone away (a closed pipe) ends the program with
/// success, since nobody wants the rest (see outlive_reader); any other failure to write ends it
/// with the exit code for local files. Thread safety: none.
class Output {
 public:
  explicit Output(int fd);
  Output(const Output&) = delete;
  Output& operator=(const Output&) = delete;
  ~Output() { flush(); }

  [[nodiscard]] bool is_terminal() const { return terminal_; }
  /// While muted, writes are dropped.
  void mute(bool muted) { muted_ = muted; }

  /// From here on a closed pipe only drops what would be written: there is work besides printing.
  void outlive_reader() { outlives_reader_ = true; }

  void write(std::string_view bytes);
  /// Bytes that somebody stored: on a terminal control characters come as \xNN, so that a value
  /// cannot take the terminal over; elsewhere exactly as they are.
  void write_stored(std::string_view bytes);
  /// The same for a place within a line, where on a terminal line ends come as \n too.
  void write_stored_in_line(std::string_view bytes);
  void flush();

 private:
  void write_escaped(std::string_view bytes, bool line_ends_too);

  int fd_;
  bool terminal_;
  bool muted_ = false;
  bool outlives_reader_ = false;
  bool reader_gone_ = false;
  std::string buffer_;
};

}  // namespace appmem::ctl
