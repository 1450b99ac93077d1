"""What is measured. A section is a file here and a line in SECTIONS.

Each has a name for the command line, a function that measures on a fresh field, and for each
reference the letter of its own section and its names of the metrics. Every section proves the
answers it timed, or raises WrongAnswer. APART are those that need no field.
"""

from __future__ import annotations

from stressd.bench.sections import (
    build,
    churned,
    compiling,
    filled,
    gap,
    iterate,
    lookup,
    mixed,
    readers,
    write,
)
from stressd.bench.sections.section import Apart, Effort, Section

__all__ = ["APART", "SECTIONS", "Apart", "Effort", "Section"]

SECTIONS: dict[str, Section] = {
    section.name: section
    for section in (
        lookup.SECTION,
        iterate.SECTION,
        write.SECTION,
        gap.SECTION,
        build.SECTION,
        mixed.SECTION,
        readers.SECTION,
        filled.SECTION,
        churned.SECTION,
    )
}

APART: dict[str, Apart] = {section.name: section for section in (compiling.SECTION,)}
