#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "appmem/base/shared_bytes.h"
#include "appmem/base/value.h"
#include "appmem/protocol/field.h"
#include "appmem/protocol/output_buffer.h"

namespace appmem::codecs {

/// The rest of an answer from its first large value on: values by reference, and the text between
/// and behind them. Composed into an output in slices, so that neither a shard's lock nor a turn of
/// a loop is held for as long as a value is. Where a slice of a value stands for itself, the output
/// refers to it and nothing is copied. Thread safety: none.
class DeferredText {
 public:
  /// `budget` is borrowed and may be null; the text between the values is charged to it.
  explicit DeferredText(MemoryBudget* budget) : text_(budget) {}

  /// Where the text behind the last value is written.
  [[nodiscard]] protocol::OutputBuffer& text() { return text_; }
  /// A field with a value comes behind what text() holds. `first`: of its object.
  /// Precondition: value.shared is not null, and the value is no integer.
  void add(protocol::Field field, bool first, const ValueView& value);

  /// What is left to compose: text, and values as they are stored.
  [[nodiscard]] std::uint64_t size() const { return text_.size() + value_bytes_; }

  /// Appends about `bytes` to `output`, less when more than `congested_bytes` are waiting there.
  /// Returns true when all has been appended.
  bool compose(protocol::OutputBuffer& output, std::size_t bytes, std::size_t congested_bytes);

 private:
  struct Value {
    std::uint64_t text_end;  // up to where the text comes before it
    protocol::Field field;
    bool first;
    bool document;
    SharedBytes shared;
    std::string_view bytes;  // in `shared`
  };
  enum class Phase : std::uint8_t { kCheck, kDocument, kString, kBase64 };

  /// Each does about `bytes` of work, and takes it from them.
  void compose_text(protocol::OutputBuffer& output, std::uint64_t end, std::size_t& bytes);
  void compose_value(protocol::OutputBuffer& output, std::size_t& bytes);
  void check(protocol::OutputBuffer& output, std::size_t& bytes);
  void next_value();

  protocol::OutputBuffer text_;
  std::vector<Value> values_;
  std::uint64_t value_bytes_ = 0;  // of those that are left
  // The value that is being composed.
  std::size_t next_ = 0;
  std::size_t offset_ = 0;
  Phase phase_ = Phase::kCheck;
};

}  // namespace appmem::codecs
