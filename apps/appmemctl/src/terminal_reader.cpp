#include <algorithm>
#include <cerrno>
#include <clocale>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cwchar>
#include <filesystem>
#include <iterator>
#include <system_error>
#include <utility>

#include <fcntl.h>
#include <histedit.h>
#include <poll.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>

#include "appmem/protocol/error_table.h"
#include "line_reader.h"

namespace appmem::ctl {
namespace {

constexpr int kHistoryLines = 1000;
/// What mbrtowc returns for bytes that are no character.
constexpr auto kInvalidSequence = static_cast<std::size_t>(-1);
constexpr mode_t kPrivateFile = 0600;

// For the signal handler, which knows no object. There is one terminal.
termios terminal_before{};
volatile std::sig_atomic_t reading_line = 0;
int interrupt_pipe[2] = {-1, -1};

/// May run in any thread of an embedded store, and at any moment: so it leaves a byte that the
/// reader's poll() finds.
void interrupted(int /*signal*/) {
  if (reading_line == 0) {
    ::tcsetattr(STDIN_FILENO, TCSANOW, &terminal_before);
    ::_exit(protocol::kExitInterrupted);
  }
  const int error = errno;
  [[maybe_unused]] const ssize_t written = ::write(interrupt_pipe[1], "", 1);
  errno = error;
}

/// Takes the bytes of earlier interrupts; whether there were any.
bool take_interrupts() {
  bool any = false;
  char bytes[16];
  while (::read(interrupt_pipe[0], bytes, sizeof bytes) > 0)
    any = true;
  return any;
}

/// The terminal while the shell runs. It neither echoes nor interprets what is typed ahead while a
/// command runs: that would appear twice, since libedit draws all of the line that it reads, and a
/// Ctrl-D would be lost. Ctrl-C gives up a line that is being typed, and ends the program while a
/// command runs.
class TerminalGuard {
 public:
  TerminalGuard() {
    ::tcgetattr(STDIN_FILENO, &terminal_before);
    termios silent = terminal_before;
    silent.c_lflag &= ~static_cast<tcflag_t>(ECHO | ICANON);
    ::tcsetattr(STDIN_FILENO, TCSADRAIN, &silent);
    struct sigaction action {};
    action.sa_handler = interrupted;
    action.sa_flags = SA_RESTART;
    if (::pipe2(interrupt_pipe, O_CLOEXEC | O_NONBLOCK) == 0) {
      ::sigaction(SIGINT, &action, &action_before_);
    }
  }
  TerminalGuard(const TerminalGuard&) = delete;
  TerminalGuard& operator=(const TerminalGuard&) = delete;
  ~TerminalGuard() {
    if (interrupt_pipe[0] >= 0) ::sigaction(SIGINT, &action_before_, nullptr);
    for (int& end : interrupt_pipe) {
      if (end >= 0) ::close(std::exchange(end, -1));
    }
    ::tcsetattr(STDIN_FILENO, TCSADRAIN, &terminal_before);
  }

 private:
  struct sigaction action_before_ {};
};

/// libedit thinks in wide characters: without a UTF-8 locale it would mangle everything else. No
/// other thread looks at the locale.
void set_locale() {
  // NOLINTBEGIN(concurrency-mt-unsafe)
  if (std::setlocale(LC_CTYPE, "") == nullptr || MB_CUR_MAX == 1) {
    std::setlocale(LC_CTYPE, "C.UTF-8");
  }
  // NOLINTEND(concurrency-mt-unsafe)
}

/// Makes the file and its folder, private both, unless they are there.
bool prepare_history(const std::string& path) {
  const std::filesystem::path folder = std::filesystem::path(path).parent_path();
  std::error_code error;
  if (!std::filesystem::is_directory(folder, error)) {
    const mode_t mask = ::umask(077);
    std::filesystem::create_directories(folder, error);
    ::umask(mask);
  }
  const int fd = ::open(path.c_str(), O_CREAT | O_RDWR | O_CLOEXEC | O_NOFOLLOW, kPrivateFile);
  if (fd < 0) return false;
  const bool is_private = ::fchmod(fd, kPrivateFile) == 0;
  ::close(fd);
  return is_private;
}

class TerminalReader final : public LineReader {
 public:
  TerminalReader(Output& out, const std::string& history_path, Completions completions)
      : out_(out), completions_(std::move(completions)) {
    set_locale();
    edit_ = ::el_init("appmemctl", stdin, stdout, stderr);
    history_ = ::history_init();
    HistEvent event{};
    ::history(history_, &event, H_SETSIZE, kHistoryLines);
    ::history(history_, &event, H_SETUNIQUE, 1);
    if (!history_path.empty() && prepare_history(history_path)) {
      history_path_ = history_path;
      ::history(history_, &event, H_LOAD, history_path_.c_str());
    }
    ::el_set(edit_, EL_CLIENTDATA, this);
    ::el_set(edit_, EL_PROMPT, &TerminalReader::show_prompt);
    ::el_set(edit_, EL_SIGNAL, 0);
    ::el_wset(edit_, EL_GETCFN, &TerminalReader::read_character);
    // Libedit would turn these on between lines.
    ::el_set(edit_, EL_SETTY, "-x", "-echo", "-icanon", nullptr);
    ::el_set(edit_, EL_EDITOR, "emacs");
    ::el_set(edit_, EL_HIST, ::history, history_);
    // The narrow function would copy the texts and lose them.
    ::el_wset(edit_, EL_ADDFN, L"complete", L"Completes a word", &TerminalReader::complete);
    ::el_set(edit_, EL_BIND, "^I", "complete", nullptr);
    ::el_source(edit_, nullptr);  // the user's own ~/.editrc
  }

  ~TerminalReader() override {
    if (!history_path_.empty()) {
      HistEvent event{};
      ::history(history_, &event, H_SAVE, history_path_.c_str());
    }
    ::history_end(history_);
    ::el_end(edit_);
  }

  bool read(const std::string& prompt, std::string& line) override {
    out_.flush();
    prompt_ = prompt;
    for (;;) {
      ::el_resize(edit_);
      take_interrupts();
      interrupted_ = false;
      int count = 0;
      reading_line = 1;
      const char* text = ::el_gets(edit_, &count);
      reading_line = 0;
      if (text != nullptr && count > 0) {
        remember(text);
        line.assign(text, static_cast<std::size_t>(count));
        while (line.ends_with('\n') || line.ends_with('\r'))
          line.pop_back();
        return true;
      }
      if (!interrupted_) return false;
      std::fputs("^C\n", stdout);  // the line is given up, the shell goes on
      ::el_reset(edit_);
    }
  }

 private:
  void remember(const char* text) {
    if (std::string_view(text).find_first_not_of(" \t\r\n") == std::string_view::npos) return;
    HistEvent event{};
    ::history(history_, &event, H_ENTER, text);
  }

  static TerminalReader& of(EditLine* edit) {
    void* self = nullptr;
    ::el_get(edit, EL_CLIENTDATA, &self);
    return *static_cast<TerminalReader*>(self);
  }

  /// Waits for a character, or for Ctrl-C. As libedit wants it: 1, 0 at the end, -1 for an error.
  static int read_character(EditLine* edit, wchar_t* character) {
    std::mbstate_t state{};
    for (;;) {
      pollfd ready[] = {{STDIN_FILENO, POLLIN, 0}, {interrupt_pipe[0], POLLIN, 0}};
      if (::poll(ready, std::size(ready), -1) < 0) {
        if (errno == EINTR) continue;
        return -1;
      }
      if (take_interrupts()) {
        of(edit).interrupted_ = true;
        return -1;
      }
      if (ready[0].revents == 0) continue;
      char byte = 0;
      const ssize_t n = ::read(STDIN_FILENO, &byte, 1);
      if (n < 0 && errno == EINTR) continue;
      if (n <= 0) return static_cast<int>(n);
      // NOLINTNEXTLINE(concurrency-mt-unsafe): the state is its own
      const std::size_t length = std::mbrtowc(character, &byte, 1, &state);
      if (length <= 1) return 1;                   // 0: a NUL
      if (length == kInvalidSequence) state = {};  // the byte is dropped
    }
  }

  static char* show_prompt(EditLine* edit) { return of(edit).prompt_.data(); }

  /// Completes the last word of the line as far as it is unambiguous; lists the candidates where
  /// there are several.
  static unsigned char complete(EditLine* edit, wint_t /*key*/) {
    const LineInfo* info = ::el_line(edit);
    const std::string_view typed(info->buffer,
                                 static_cast<std::size_t>(info->cursor - info->buffer));
    const std::size_t word_bytes = typed.size() - (typed.rfind(' ') + 1);
    const std::vector<std::string> matches = of(edit).completions_(typed);
    if (matches.empty()) return CC_ERROR;
    std::string_view common = matches.front();
    for (const std::string& match : matches) {
      const auto [end, other] =
          std::mismatch(common.begin(), common.end(), match.begin(), match.end());
      common = common.substr(0, static_cast<std::size_t>(end - common.begin()));
    }
    common = whole_characters(common);
    std::string added(common.substr(std::min(word_bytes, common.size())));
    if (matches.size() == 1) added.push_back(' ');
    if (added.empty()) {
      list(matches);
      return CC_REDISPLAY;
    }
    ::el_insertstr(edit, added.c_str());
    return CC_REFRESH;
  }

  /// Without the beginning of a UTF-8 character at its end.
  static std::string_view whole_characters(std::string_view text) {
    std::size_t size = text.size();
    while (size > 0 && (static_cast<unsigned char>(text[size - 1]) & 0xC0U) == 0x80U)
      --size;
    if (size == 0 || static_cast<unsigned char>(text[size - 1]) < 0x80U) return text;
    const std::string_view last = text.substr(size - 1);
    std::mbstate_t state{};
    // NOLINTNEXTLINE(concurrency-mt-unsafe): the state is its own
    const std::size_t length = std::mbrtowc(nullptr, last.data(), last.size(), &state);
    return length == last.size() ? text : text.substr(0, size - 1);
  }

  static void list(const std::vector<std::string>& matches) {
    std::fputc('\n', stdout);
    for (const std::string& match : matches)
      std::fprintf(stdout, "%s  ", match.c_str());
    std::fputc('\n', stdout);
  }

  Output& out_;
  const TerminalGuard guard_;  // before libedit looks at the terminal
  const Completions completions_;
  bool interrupted_ = false;
  std::string prompt_;
  std::string history_path_;
  EditLine* edit_ = nullptr;
  History* history_ = nullptr;
};

}  // namespace

std::unique_ptr<LineReader> make_terminal_reader(Output& out, const std::string& history_path,
                                                 Completions completions) {
  return std::make_unique<TerminalReader>(out, history_path, std::move(completions));
}

}  // namespace appmem::ctl
