"""A leaf is linked first and filled afterwards (kernel c45ea315a602)."""

from __future__ import annotations

from typing import Any

from stressd_kernels.lanes import lanes_splice
from stressd_kernels.maple.publish import publish
from tests.model.mutant import Mutant
from tests.model.scenarios.load import Load

_later: list[tuple[Any, ...]] = []


def splice_later(*arguments: Any) -> None:
    """Note what the leaf is to hold."""
    _later[:] = [arguments]


def publish_first(words, tree, slot, depth, ref, gap):  # type: ignore[no-untyped-def]
    """Publish, then fill."""
    publish(words, tree, slot, depth, ref, gap)
    while _later:
        lanes_splice(*_later.pop())


PUBLISH_BEFORE_FILLING = Mutant(
    "publish before filling",
    Load,
    "tso",
    "W>P4 ~W R! W!",
    "reserved word",
    replaces={publish: publish_first, lanes_splice: splice_later},
)
