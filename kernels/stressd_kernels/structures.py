"""The structures that can be put under load: one line each."""

from stressd_kernels.maple import STRUCTURE as MAPLE
from stressd_kernels.verbs import Structure

STRUCTURES: tuple[Structure, ...] = (MAPLE,)


def structures() -> dict[str, Structure]:
    """Return all structures by name."""
    return {structure.name: structure for structure in STRUCTURES}
