"""A VMA that shrinks does so in its old record, too: under whoever reads it."""

from __future__ import annotations

from stressd_kernels.mm.links import link_replace
from stressd_kernels.records import VMA_END, VMA_PGOFF, VMA_START
from tests.model.mutant import Mutant
from tests.model.scenarios.spaces import Spaces


def both_records(words, mm, vma, fresh):  # type: ignore[no-untyped-def]
    """Give the old record the range of the new one."""
    for word in (VMA_START, VMA_END, VMA_PGOFF):
        words[vma + word] = words[fresh + word]
    link_replace(words, mm, vma, fresh)


RANGE_IN_PLACE = Mutant(
    "range in place",
    Spaces,
    "tso",
    "R>BETWEEN W! ~W R!",
    "is not in",
    replaces={link_replace: both_records},
)
