"""The players that tests replay with: all must tell the same of one recording."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

from stressd.replay.how import STAGES, How
from stressd.replay.mms import MmPlayers
from stressd.replay.player import Player
from stressd.replay.trees import MakeTree, maple_tree
from tests.naive import NaiveTree
from tests.replay.tree_player import TreePlayer

MakePlayer = Callable[[], Player]


def on(make_tree: MakeTree) -> MakePlayer:
    """Return what makes players with one tree for each space."""
    return lambda: TreePlayer(make_tree)


@cache
def mms() -> MmPlayers:
    """Return what makes players on address spaces; all tests share one arena."""
    return MmPlayers()


def in_stage(stage: str, validate: int = 1) -> MakePlayer:
    """Return what makes players on address spaces with the structures of a stage."""
    return lambda: mms()(How(stage, validate))


PLAYERS: dict[str, MakePlayer] = {
    "naive": on(NaiveTree),
    "maple": on(maple_tree),
    **{stage: in_stage(stage) for stage in STAGES},
}
TWO: dict[str, MakePlayer] = {name: PLAYERS[name] for name in ("naive", "all")}
