"""Interpreted equals compiled: what the model runs is what is shipped.

The model door and lanes_model.py give every instruction a meaning in plain Python. Here each of
those, and each helper that touches no word of the arena, is run both ways on the same words.
"""

from __future__ import annotations

import random
import types
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stressd_kernels import door, door_model, lanes, lanes_model
from stressd_kernels.door import (
    bits_set,
    borrowed,
    driver,
    leading_zeros,
    lowest_bit,
    multiply_high,
    unlikely,
)
from stressd_kernels.epoch import announce_of
from stressd_kernels.histogram import histogram_bucket
from stressd_kernels.layout import NODE_SLOTS, SLOT_WORDS, SLOTS, SLOTS_MAX
from stressd_kernels.maple.edit import bit
from stressd_kernels.maple.node import is_last
from stressd_kernels.model.words import Words
from stressd_kernels.records import vma_of
from stressd_kernels.refs import LEAF_BIT, NODE_MASK, inner_at, leaf_at
from stressd_kernels.values import sequence_floor, sequence_rounded, value_of
from tests.tidy.sources import kernels

EDGES = [0, 1, (1 << 63) - 1, 1 << 63, (1 << 63) + 1, (1 << 64) - 1]
WORD = st.sampled_from(EDGES) | st.integers(0, (1 << 64) - 1)
NODE = 16  # where the node of the tests begins, with room before it
OUT = 96  # where results go
SIZE = 192
INDEX = st.integers(0, int(NODE_MASK)).map(lambda word: np.uint64(word) & NODE_MASK)

# Kernels without words, what their arguments may be, and those that nothing in the model calls.
PURE: dict[Any, tuple[Any, ...]] = {
    announce_of: (st.integers(0, SLOTS_MAX - 1).map(lambda n: np.int64(SLOTS + n * SLOT_WORDS)),),
    histogram_bucket: (WORD.map(np.uint64),),
    bit: (WORD.map(np.uint64), st.integers(0, NODE_SLOTS - 1).map(np.int64)),
    inner_at: (INDEX,),
    is_last: (WORD.map(np.uint64),),
    leaf_at: (INDEX.map(lambda index: index | LEAF_BIT),),
    sequence_rounded: (st.integers(0, (1 << 45) - 1).map(np.uint64),),
    sequence_floor: (st.integers(0, (1 << 19) - 1).map(np.uint64),),
    value_of: (
        st.integers(0, (1 << 28) - 1).map(np.uint64),
        st.integers(0, 255).map(np.uint64),
        st.integers(0, 255).map(np.uint64),
        st.integers(1, (1 << 45) - 1).map(np.uint64),
    ),
    vma_of: (WORD.map(np.uint64),),
}
NOT_IN_THE_MODEL = (
    "/bench/",
    "/delays.py:",
    "/clock.py:clock_pair",
    "/mm/",
    "/ops/",
    "/rbtree/",
    "/traffic/",
)


@driver
def ask_bits(which, word):  # type: ignore[no-untyped-def]
    """Ask one of the instructions on bits."""
    if which == 0:
        return bits_set(word)
    if which == 1:
        return lowest_bit(word)
    return leading_zeros(word)


@driver
def ask_numbers(a, b):  # type: ignore[no-untyped-def]
    """Ask the instructions on two numbers."""
    return multiply_high(a, b), unlikely(a < b)


@driver
def ask_lanes(words, which, a, b, c):  # type: ignore[no-untyped-def]
    """Ask one of the lanes about the node at NODE, or about the group of its gaps."""
    words = borrowed(words)
    if which == 0:
        return np.uint64(lanes.lanes_below(words, NODE, a))
    if which == 1:
        return np.uint64(lanes.lanes_below_many(words, NODE, a))
    if which == 2:
        return lanes.lanes_zero(words, NODE + 16)
    if which == 3:
        return lanes.lanes_at_least(words, NODE + 32, a)
    if which == 4:
        return lanes.lanes_largest(words, NODE + 32)
    if which == 5:
        return lanes.lanes_largest_but(words, NODE + 32, np.int64(a & np.uint64(15)), b)
    if which == 6:
        return lanes.lanes_null_gap(words, NODE, a, b)
    if which == 7:
        return lanes.lanes_null_gap_but(words, NODE, a, b, c & np.uint64(0xFFFF))
    return lanes.lanes_null_fit(words, NODE, a, b, c)


@driver
def do_lanes(words, which, place, shift, numbers):  # type: ignore[no-untyped-def]
    """Let one of the lanes write to OUT."""
    words = borrowed(words)
    if which == 0:
        lanes.lanes_fill(words, OUT, numbers[0])
    elif which == 1:
        lanes.lanes_move(words, OUT, NODE + shift, place, numbers[0])
    else:
        lanes.lanes_splice(words, OUT, NODE, place, shift, numbers[0], numbers[1], numbers[2])


ASK = (
    "lanes_below",
    "lanes_below_many",
    "lanes_zero",
    "lanes_at_least",
    "lanes_largest",
    "lanes_largest_but",
    "lanes_null_gap",
    "lanes_null_gap_but",
    "lanes_null_fit",
)
DO = ("lanes_fill", "lanes_move", "lanes_splice")
NEVER_IN_THE_MODEL = {"lanes_rows"}
MODEL_NAMES = {
    name: getattr(room, name)
    for room in (lanes_model, door_model)
    for name in dir(room)
    if name.startswith("lanes_") or name in door.__all__
}


def interpreted(function: Any) -> Callable[..., Any]:
    """Return a kernel as the plain function that the model build runs."""
    plain = function.py_func
    names = dict(plain.__globals__)
    for name, value in names.items():
        if name in MODEL_NAMES:
            names[name] = MODEL_NAMES[name]
        elif name in plain.__code__.co_names and hasattr(value, "py_func"):
            names[name] = interpreted(value)
    return types.FunctionType(plain.__code__, names, plain.__name__)


def aligned(words: list[int]) -> Any:
    """Return the words as an array that begins a cache line."""
    room = np.zeros(len(words) + 8, np.uint64)
    skip = -(room.ctypes.data // 8) % 8
    array = room[skip : skip + len(words)]
    array[:] = words
    return array


def in_the_model(words: list[int]) -> Words:
    """Return the words as the model has them."""
    model = Words()
    model[0 : len(words)] = np.array(words, np.uint64)
    return model


def words_of(seed: int) -> list[int]:
    """Return words of an arena, a third of them edges, some of them alike."""
    chance = random.Random(seed)
    few = [*EDGES, *(chance.getrandbits(64) for _ in range(6))]
    return [
        chance.choice(few) if chance.random() < 0.7 else chance.getrandbits(64) for _ in range(SIZE)
    ]


GROUPS = st.integers(0, 1 << 32).map(words_of)


@given(words=GROUPS, a=WORD, b=WORD, c=WORD)
@pytest.mark.parametrize("which", range(len(ASK)), ids=ASK)
def test_lanes_that_answer(which: int, words: list[int], a: int, b: int, c: int) -> None:
    """Each gives the same answer about the same words."""
    compiled = int(ask_lanes(aligned(words), which, *map(np.uint64, (a, b, c))))
    model, (a64, b64, c64) = in_the_model(words), map(np.uint64, (a, b, c))
    ask = getattr(lanes_model, ASK[which])
    arguments: tuple[Any, ...] = {
        "lanes_below": (NODE, a64),
        "lanes_below_many": (NODE, a64),
        "lanes_zero": (NODE + 16,),
        "lanes_at_least": (NODE + 32, a64),
        "lanes_largest": (NODE + 32,),
        "lanes_largest_but": (NODE + 32, a & 15, b64),
        "lanes_null_gap": (NODE, a64, b64),
        "lanes_null_gap_but": (NODE, a64, b64, np.uint64(c & 0xFFFF)),
        "lanes_null_fit": (NODE, a64, b64, c64),
    }[ASK[which]]
    with np.errstate(over="ignore"):
        assert int(ask(model, *arguments)) == compiled


@given(
    words=GROUPS,
    place=st.integers(1, 13),
    shift=st.integers(-2, 12),
    numbers=st.tuples(WORD, WORD, WORD),
)
@pytest.mark.parametrize("which", range(len(DO)), ids=DO)
def test_lanes_that_write(
    which: int, words: list[int], place: int, shift: int, numbers: tuple[int, int, int]
) -> None:
    """Each leaves the same words behind."""
    array = aligned(words)
    do_lanes(array, which, place, shift, np.array(numbers, np.uint64))
    model, (a, b, c) = in_the_model(words), map(np.uint64, numbers)
    with np.errstate(over="ignore"):
        if DO[which] == "lanes_fill":
            lanes_model.lanes_fill(model, OUT, a)
        elif DO[which] == "lanes_move":
            lanes_model.lanes_move(model, OUT, NODE + shift, place, a)
        else:
            lanes_model.lanes_splice(model, OUT, NODE, place, shift, a, b, c)
    assert model[0:SIZE].tolist() == array.tolist()


@given(word=WORD)
@pytest.mark.parametrize("which", range(3), ids=["bits_set", "lowest_bit", "leading_zeros"])
def test_bits(which: int, word: int) -> None:
    """Counting bits gives the same, for 0 too."""
    ask = (door_model.bits_set, door_model.lowest_bit, door_model.leading_zeros)[which]
    assert int(ask_bits(which, np.uint64(word))) == int(ask(np.uint64(word)))


@given(a=WORD, b=WORD)
def test_numbers(a: int, b: int) -> None:
    """The high half of a product is that of Python, and a hint changes no answer."""
    a64, b64 = np.uint64(a), np.uint64(b)
    expected = (int(door_model.multiply_high(a64, b64)), door_model.unlikely(a < b))
    assert ask_numbers(a64, b64) == expected == (a * b >> 64, a < b)


@given(data=st.data())
@pytest.mark.parametrize("kernel", PURE, ids=lambda kernel: kernel.__name__)
def test_pure_helpers(kernel: Any, data: st.DataObject) -> None:
    """A helper computes the same with np.uint64 as with the words of compiled code."""
    arguments = [data.draw(strategy) for strategy in PURE[kernel]]
    with np.errstate(over="ignore"):
        plain = interpreted(kernel)(*arguments)
    assert int(plain) == int(kernel(*arguments))


def test_every_pure_helper_is_compared() -> None:
    """A new helper without words belongs into PURE."""
    pure = {
        kernel.node.name
        for kernel in kernels()
        if {"words", "base"}.isdisjoint(argument.arg for argument in kernel.node.args.args)
        if not any(part in kernel.where for part in NOT_IN_THE_MODEL)
    }
    assert pure == {kernel.__name__ for kernel in PURE}


def test_every_name_of_the_lanes_is_compared() -> None:
    """A new vector instruction belongs into ASK or DO, and into lanes_model.py."""
    names = {name for name in dir(lanes) if name.startswith("lanes_")}
    assert names - NEVER_IN_THE_MODEL == {*ASK, *DO}


def test_the_model_door_has_every_name() -> None:
    """What kernels import from the door, they find in both rooms."""
    constants = {"BUILD", "BUILDS", "CHECKING", "MODEL", "PERTURBED"}
    assert set(door.__all__) - constants <= set(dir(door_model))
