"""What is measured. A section is a file here and a line in SECTIONS.

Each has a name for the command line, the metrics that it yields with the names that the C
reference has for them, the letter of the reference's own section, and a function that measures
them on a fresh field. Every section proves the answers it timed, or raises WrongAnswer.
"""

from __future__ import annotations

from stressd.bench.sections import build, gap, iterate, lookup, mixed, write
from stressd.bench.sections.section import Effort, Section

__all__ = ["SECTIONS", "Effort", "Section"]

SECTIONS: dict[str, Section] = {
    section.name: section
    for section in (
        lookup.SECTION,
        iterate.SECTION,
        write.SECTION,
        gap.SECTION,
        build.SECTION,
        mixed.SECTION,
    )
}
