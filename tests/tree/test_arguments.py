"""Wrong arguments: the exception's type, the argument it names, and a tree that is unchanged."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from stressd_kernels import Arena, MapleTree
from tests.tree.keys import MAX, VALUE_MAX

ENTRIES = [(10, 19, 1), (30, 39, 2)]

# method -> (arguments that work, by name)
CALLS: dict[str, dict[str, Any]] = {
    "store": {"first": 50, "last": 59, "value": 3},
    "insert": {"first": 50, "last": 59, "value": 3},
    "reserve": {"first": 50, "last": 59},
    "erase": {"index": 15},
    "load": {"index": 15},
    "find": {"index": 15, "last": 60},
    "find_rev": {"index": 35, "first": 0},
    "next": {"index": 15},
    "prev": {"index": 35},
    "items": {"first": 0, "last": 60},
    "empty_area": {"low": 0, "high": 99, "size": 5, "align_mask": 7, "align_offset": 3},
    "empty_area_rev": {"low": 0, "high": 99, "size": 5, "align_mask": 7, "align_offset": 3},
    "allocate": {"low": 0, "high": 99, "size": 5, "value": 3, "align_mask": 7, "align_offset": 3},
    "cyclic": {"low": 0, "high": 99},
}
KEYS = {"first", "last", "index", "low", "high", "align_mask", "align_offset"}
REVERSED = {
    "store": {"first": 60, "last": 59},
    "insert": {"first": 60, "last": 59},
    "reserve": {"first": 60, "last": 59},
    "find": {"index": 61, "last": 60},
    "find_rev": {"index": 59, "first": 60},
    "items": {"first": 60, "last": 59},
    "empty_area": {"low": 60, "high": 59},
    "empty_area_rev": {"low": 60, "high": 59},
    "allocate": {"low": 60, "high": 59},
    "cyclic": {"low": 60, "high": 59},
}


def call(tree: MapleTree, method: str, **changed: Any) -> Any:
    """Call a method with its working arguments, some of them changed."""
    answer = getattr(tree, method)(**{**CALLS[method], **changed})
    return list(answer) if method == "items" else answer


def wrong_arguments() -> list[Any]:
    """Return one parameter set for each method, argument and wrong value."""
    cases = []
    for method, arguments in CALLS.items():
        for name in arguments:
            wrong: dict[str, tuple[Any, type[Exception]]] = {
                "float": (1.0, TypeError),
                "str": ("1", TypeError),
                "list": ([1], TypeError),
            }
            if name in KEYS:
                wrong |= {"negative": (-1, ValueError), "too_large": (MAX + 1, ValueError)}
            if name == "size":
                wrong |= {"zero": (0, ValueError), "too_large": (MAX + 1, ValueError)}
            if name == "value":
                wrong |= {
                    "zero": (0, ValueError),
                    "negative": (-1, ValueError),
                    "too_large": (VALUE_MAX + 1, ValueError),
                }
            if name == "align_mask":
                wrong |= {"not_a_mask": (6, ValueError)}
            if name != "value":  # there None means: erase, or reserve
                wrong |= {"none": (None, TypeError)}
            cases += [
                pytest.param(method, name, value, error, id=f"{method}-{name}-{what}")
                for what, (value, error) in wrong.items()
            ]
    return cases


@pytest.fixture
def tree() -> MapleTree:
    """A tree of two entries."""
    tree = MapleTree()
    for entry in ENTRIES:
        tree.store(*entry)
    return tree


@pytest.mark.parametrize(("method", "name", "value", "error"), wrong_arguments())
def test_a_wrong_argument_is_named(
    tree: MapleTree, method: str, name: str, value: Any, error: type[Exception]
) -> None:
    """TypeError for what is no integer, ValueError for an integer out of range."""
    with pytest.raises(error, match=rf"\b{name}\b") as caught:
        call(tree, method, **{name: value})
    assert caught.type is error
    assert list(tree.items()) == ENTRIES


@pytest.mark.parametrize("method", REVERSED)
def test_a_reversed_range_is_refused(tree: MapleTree, method: str) -> None:
    """A range that ends before it begins is a mistake, not an empty range."""
    names = "|".join(REVERSED[method])
    with pytest.raises(ValueError, match=rf"\b({names})\b"):
        call(tree, method, **REVERSED[method])
    assert list(tree.items()) == ENTRIES


@pytest.mark.parametrize("method", CALLS)
def test_the_table_calls_methods_that_work(tree: MapleTree, method: str) -> None:
    """With nothing wrong, nothing is raised: the cases above fail for their own reason."""
    call(tree, method)


@pytest.mark.parametrize("value", [np.uint64(15), np.int32(15), True + 14])
def test_whatever_is_an_integer_will_do(tree: MapleTree, value: Any) -> None:
    """Integers of numpy are indexes too."""
    assert tree.load(value) == 1


def test_insert_refuses_what_is_taken(tree: MapleTree) -> None:
    """One index that is taken anywhere in the range is enough."""
    for first, last in [(10, 10), (19, 19), (0, 10), (19, 25), (0, MAX), (25, 30), (20, 31)]:
        with pytest.raises(FileExistsError):
            tree.insert(first, last, 9)
    assert list(tree.items()) == ENTRIES
    tree.insert(20, 29, 9)
    assert len(tree) == 3


@pytest.mark.parametrize("indexes", [[-1], [MAX + 1], [1, -1]])
def test_load_many_refuses_indexes_out_of_range(tree: MapleTree, indexes: list[int]) -> None:
    """One index out of range anywhere in the list is named."""
    with pytest.raises(ValueError, match="indexes"):
        tree.load_many(indexes)


@pytest.mark.parametrize("indexes", [[1.5], ["1"], [None], 7, None, [[1, 2], [3, 4]]])
def test_load_many_refuses_what_are_no_indexes(tree: MapleTree, indexes: Any) -> None:
    """Floats would lose the low bits of large keys, so they are not converted."""
    with pytest.raises(TypeError, match="indexes"):
        tree.load_many(indexes)


@pytest.mark.parametrize(
    "indexes",
    [
        [15, 25, 35],
        (15, 25, 35),
        range(15, 36, 10),
        np.array([15, 25, 35], dtype=np.uint64),
        np.array([15, 25, 35], dtype=np.int64),
        np.array([15, 0, 25, 0, 35, 0], dtype=np.uint64)[::2],
    ],
)
def test_load_many_takes_any_sequence_of_integers(tree: MapleTree, indexes: Any) -> None:
    """Lists, ranges and arrays of any integer type and stride; 0 where nothing is."""
    answer = tree.load_many(indexes)
    assert answer.dtype == np.uint64
    assert answer.tolist() == [1, 0, 2]


def test_load_many_of_nothing_is_nothing(tree: MapleTree) -> None:
    """An empty list is a list of indexes."""
    assert tree.load_many([]).tolist() == []


def test_a_tree_without_gap_tracking_says_so() -> None:
    """Gap search without gap words is refused; everything else works."""
    tree = MapleTree(gaps=False)
    tree.store(10, 19, 1)
    assert tree.load(15) == 1
    assert tree.check() is None
    for method in ("empty_area", "empty_area_rev", "allocate", "cyclic"):
        with pytest.raises(ValueError, match="gaps"):
            call(tree, method)


@pytest.mark.parametrize(
    ("entries", "error"),
    [
        ([(1, 2)], ValueError),
        ([7], ValueError),
        ([(2, 1, 1)], ValueError),
        ([(1, 2, 0)], ValueError),
        ([(3, 4, 1), (1, 2, 1)], ValueError),
        ([(1.0, 2, 1)], TypeError),
        (np.array([[1, 2], [3, 4], [5, 6]], np.uint64), ValueError),
        (np.array([1, 2, 3], np.uint64), ValueError),
        (np.array([[-9, -5, 1]], np.int64), ValueError),
        (np.array([[1.5, 2.5, 1.0]]), TypeError),
        (7, TypeError),
    ],
)
def test_build_refuses_what_are_no_entries(entries: Any, error: type[Exception]) -> None:
    """Nothing is cut up, rounded or wrapped around until it looks like entries."""
    tree = MapleTree()
    with pytest.raises(error):
        tree.build(entries)
    assert len(tree) == 0


def test_what_is_no_sequence_of_entries_is_named() -> None:
    """The message says which argument it was."""
    with pytest.raises(TypeError, match="entries"):
        MapleTree().build(7)  # type: ignore[arg-type]


@pytest.mark.parametrize("argument", ["capacity", "backlog"])
@pytest.mark.parametrize(
    ("number", "error"), [("x", TypeError), (8e6, TypeError), (True, TypeError), (-1, ValueError)]
)
def test_an_arena_names_what_is_wrong(argument: str, number: Any, error: type[Exception]) -> None:
    """Its sizes are integers, and within bounds."""
    with pytest.raises(error, match=argument):
        Arena(**{argument: number})


@pytest.mark.parametrize(
    "entries",
    [
        ENTRIES,
        iter(ENTRIES),
        np.array(ENTRIES, np.uint64),
        np.array(ENTRIES, np.int32),
        np.array([[10, 19, 1], [0, 0, 0], [30, 39, 2]], np.uint64)[::2],
    ],
)
def test_build_takes_any_rows_of_integers(entries: Any) -> None:
    """Lists, iterators and arrays of any integer type and stride."""
    tree = MapleTree()
    tree.build(entries)
    assert list(tree.items()) == ENTRIES
