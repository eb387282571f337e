#pragma once

#include <cstdint>
#include <string_view>

namespace appmem {

/// What an operator would want to read in a log. Server (and later storage) report here; the
/// daemon implements it with its logger, tests with a list.
enum class Severity : std::uint8_t { kDebug, kInfo, kWarning, kError };

/// One named value of an event; never the value of an entry. Lifetime: the call.
struct EventField {
  std::string_view name;
  std::string_view text;    // when not numeric
  std::int64_t number = 0;  // when numeric
  bool numeric = false;

  static EventField of(std::string_view name, std::string_view text) {
    return {name, text, 0, false};
  }
  static EventField of(std::string_view name, std::int64_t number) {
    return {name, {}, number, true};
  }
};

/// Receives events. Thread safety: `event` is called from any thread, must not block for long and
/// must not call back.
class Observer {
 public:
  Observer() = default;
  Observer(const Observer&) = delete;
  Observer& operator=(const Observer&) = delete;
  virtual ~Observer() = default;

  /// `name` is a stable identifier ("client_refused"), `message` one sentence for people.
  /// Implementations limit the rate of repeated names.
  virtual void event(Severity severity, std::string_view name, std::string_view message,
                     const EventField* fields, std::size_t field_count) = 0;
};

}  // namespace appmem
