#include "print.h"

#include <algorithm>
#include <iterator>
#include <vector>

#include "appmem/base/units.h"

namespace appmem::ctl {
namespace {

using client::JsonItems;
using client::JsonView;

constexpr std::string_view kNothing = "-";

std::string cell_text(const JsonView& value) {
  switch (value.kind()) {
    case JsonView::Kind::kNull:
      return std::string(kNothing);
    case JsonView::Kind::kList: {
      std::string text;
      for (JsonItems items(value); items.next();) {
        if (!text.empty()) text += ", ";
        text += items.value().as_text();
      }
      return text.empty() ? std::string(kNothing) : text;
    }
    default: {
      std::string text = value.as_text();
      return text.empty() ? std::string(kNothing) : text;
    }
  }
}

bool counts_bytes(std::string_view name) {
  constexpr std::string_view kOthers[] = {"live", "tables", "large"};
  return name.ends_with("bytes") || name.starts_with("memory") ||
         std::find(std::begin(kOthers), std::end(kOthers), name) != std::end(kOthers);
}

/// A number with its unit, where that says more than the number: "1.2 MiB", "2m4s".
std::optional<std::string> with_unit(std::string_view name, const JsonView& value) {
  const auto number = value.as_unsigned();
  if (value.kind() != JsonView::Kind::kNumber || !number) return std::nullopt;
  if (counts_bytes(name)) return format_bytes(*number);
  if (name.ends_with("_ms") && *number >= 1000) {
    return format_time_left(std::chrono::milliseconds(*number));
  }
  return std::nullopt;
}

void print_members(Output& out, const JsonView& object, const std::string& prefix) {
  for (JsonItems members(object); members.next();) {
    const JsonView value = members.value();
    if (prefix.empty() && members.name() == "ok") continue;
    const std::string name = prefix + members.name();
    if (value.kind() == JsonView::Kind::kObject) {
      print_members(out, value, name + '.');
      continue;
    }
    out.write(name);
    out.write(": ");
    out.write_stored_in_line(cell_text(value));
    if (const auto text = with_unit(members.name(), value)) out.write(" (" + *text + ')');
    out.write("\n");
  }
}

/// Characters that UTF-8 text takes on a terminal, as far as one column each goes.
std::size_t width_of(std::string_view text) {
  return static_cast<std::size_t>(std::count_if(text.begin(), text.end(), [](char c) {
    return (static_cast<unsigned char>(c) & 0xC0U) != 0x80U;
  }));
}

}  // namespace

void print_value(Context& context, const client::Value& value) {
  if (context.raw || !context.out.is_terminal()) {
    context.out.write(value.bytes);
    return;
  }
  context.out.write_stored(value.bytes);
  context.out.write("\n");
}

void print_missing(Context& context) {
  if (context.raw || !context.out.is_terminal()) return;
  context.out.write(kMissing);
  context.out.write("\n");
}

void print_fields(Output& out, const JsonView& object) {
  print_members(out, object, "");
}

void print_table(Output& out, const JsonView& rows, std::span<const std::string_view> columns) {
  struct Cell {
    std::string text;
    bool number = false;
  };
  std::vector<std::vector<Cell>> table(1);
  for (const std::string_view column : columns)
    table[0].push_back({std::string(column), false});
  for (JsonItems items(rows); items.next();) {
    std::vector<Cell>& row = table.emplace_back();
    for (const std::string_view column : columns) {
      const auto value = items.value().find(column);
      const auto size = value && counts_bytes(column) ? with_unit(column, *value) : std::nullopt;
      row.push_back({size    ? *size
                     : value ? cell_text(*value)
                             : std::string(kNothing),
                     value && value->kind() == JsonView::Kind::kNumber});
    }
  }
  std::vector<std::size_t> widths(columns.size());
  for (const auto& row : table) {
    for (std::size_t i = 0; i < row.size(); ++i)
      widths[i] = std::max(widths[i], width_of(row[i].text));
  }
  for (const auto& row : table) {
    for (std::size_t i = 0; i < row.size(); ++i) {
      const std::string padding(widths[i] - width_of(row[i].text), ' ');
      const bool last = i + 1 == row.size();
      if (row[i].number) out.write(padding);
      out.write_stored_in_line(row[i].text);
      if (!row[i].number && !last) out.write(padding);
      out.write(last ? "\n" : "  ");
    }
  }
}

std::optional<std::string> format_bytes(std::uint64_t bytes) {
  constexpr std::string_view kUnits[] = {"KiB", "MiB", "GiB", "TiB"};
  if (bytes < 1_KiB) return std::nullopt;
  std::size_t unit = 0;
  std::uint64_t scale = 1_KiB;
  // From 1023.95 on it would read 1024.0.
  while (unit + 1 < std::size(kUnits) && bytes >= 1024 * scale - scale / 20) {
    scale *= 1024;
    ++unit;
  }
  const std::uint64_t tenths = (bytes / scale * 10) + (bytes % scale * 10 + scale / 2) / scale;
  std::string text = std::to_string(tenths / 10);
  if (tenths % 10 != 0) text.append(1, '.').append(std::to_string(tenths % 10));
  return text.append(1, ' ').append(kUnits[unit]);
}

std::string format_time_left(std::chrono::milliseconds left) {
  using std::chrono::seconds;
  if (left < seconds(1)) return std::to_string(left.count()) + "ms";
  std::int64_t rest = std::chrono::ceil<seconds>(left).count();
  struct Unit {
    std::int64_t scale;
    char name;
  };
  constexpr Unit kUnits[] = {{86'400, 'd'}, {3'600, 'h'}, {60, 'm'}, {1, 's'}};
  constexpr int kUnitsShown = 2;
  std::string text;
  int shown = 0;
  for (const Unit& unit : kUnits) {
    const std::int64_t count = rest / unit.scale;
    rest %= unit.scale;
    if (shown > 0) ++shown;
    if (count > 0) {
      if (shown == 0) shown = 1;
      text += std::to_string(count) + unit.name;
    }
    if (shown == kUnitsShown) break;
  }
  return text;
}

JsonItems items_of(const JsonView& answer, std::string_view field) {
  const auto list = answer.find(field);
  return list ? JsonItems(*list) : JsonItems();
}

}  // namespace appmem::ctl
