"""Tables for people, JSON for programs, and the machine on which it was measured."""

import json
import math
import os
import platform
from dataclasses import dataclass, field

import targets


@dataclass
class Table:
    title: str
    columns: list
    rows: list
    note: str = ""

    def markdown(self):
        head = [f"**{self.title}**", "", _line(self.columns)]
        head.append(_line(["---"] + ["---:"] * (len(self.columns) - 1)))
        lines = head + [_line(row) for row in self.rows]
        return "\n".join(lines + (["", self.note] if self.note else [])) + "\n"


@dataclass
class SectionReport:
    """What a section hands back: figures for the targets, tables, and everything for the JSON."""

    figures: dict = field(default_factory=dict)
    noisy: set = field(default_factory=set)  # the figures that something else may have spoilt
    tables: list = field(default_factory=list)
    data: dict = field(default_factory=dict)
    messages: list = field(default_factory=list)


def number(value):
    """A figure with three significant digits; large ones whole, with thousands set apart."""
    if value is None:
        return "–"
    if value == 0:
        return "0"
    digits_before_point = math.floor(math.log10(abs(value))) + 1
    return f"{value:,.{max(0, 3 - digits_before_point)}f}"


def verdict_table(figures, prefixes, noisy=frozenset()):
    """The targets that belong to sections that ran; `prefixes` are their beginnings of names."""
    rows = []
    for verdict in targets.judge(figures, noisy):
        target = verdict.target
        if not target.figure.startswith(tuple(prefixes)):
            continue
        wanted = f"{target.sense} {number(target.limit)} {target.unit}"
        rows.append([target.text, wanted, number(verdict.measured), verdict.word])
    return Table("Targets", ["figure", "target", "measured", ""], rows)


def machine():
    model = "unknown processor"
    with open("/proc/cpuinfo") as file:
        for line in file:
            if line.startswith("model name"):
                model = line.split(":", 1)[1].strip()
                break
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return {
        "processor": model,
        "cores": len(os.sched_getaffinity(0)),
        "memory_gib": round(memory / (1 << 30), 1),
        "kernel": platform.release(),
        "load_average_1m": round(os.getloadavg()[0], 2),
    }


def machine_line(about):
    return (
        f"{about['cores']} cores of {about['processor']}, {about['memory_gib']} GiB, "
        f"Linux {about['kernel']}, load average at the start {about['load_average_1m']}"
    )


def write_json(path, document):
    with open(path, "w") as file:
        json.dump(document, file, indent=1)
        file.write("\n")


def _line(cells):
    return "| " + " | ".join(str(cell) for cell in cells) + " |"
