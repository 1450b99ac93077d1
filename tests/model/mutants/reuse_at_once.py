"""A retired node goes straight back to the cache (kernel c13af03de46b)."""

from __future__ import annotations

from stressd_kernels.arena import node_free
from stressd_kernels.limbo import limbo_retire
from tests.model.mutant import Mutant
from tests.model.scenarios.epoch import Epoch


def free_now(words, slot, ref):  # type: ignore[no-untyped-def]
    """Free the node where it should be put into limbo."""
    node_free(words, slot, ref)


REUSE_AT_ONCE = Mutant(
    "reuse at once",
    Epoch,
    "tso",
    "R>USE W! ~W R!",
    "reused under its reader",
    replaces={limbo_retire: free_now},
)
