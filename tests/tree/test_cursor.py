"""Cursors: every cell of the table, iteration that overwrites what it walks over, and threads."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable

import pytest

from stressd_kernels import ZERO, Arena, Cursor, CursorStatus, MapleTree
from tests.tree.keys import MAX

A, B, C = (10, 19, 1), (30, 39, ZERO), (50, 59, 2)
LOW, HIGH = 5, 69  # the window: [5, 69]

Place = tuple[str, int, int, int | None]


@pytest.fixture
def tree() -> MapleTree:
    """Three entries, the one in the middle reserved."""
    tree = MapleTree()
    tree.store(*A)
    tree.reserve(30, 39)
    tree.store(*C)
    return tree


def place(cursor: Cursor) -> Place:
    """Return all there is of a cursor."""
    return cursor.status.name, cursor.first, cursor.last, cursor.value


def start(cursor: Cursor) -> None:
    """Stand on 35, in B, without having looked."""
    cursor.set(35)


def active(cursor: Cursor) -> None:
    """Stand on B."""
    cursor.walk(35)


def none(cursor: Cursor) -> None:
    """Stand on the hole between A and B."""
    cursor.walk(25)


def paused(cursor: Cursor) -> None:
    """Have stood on B."""
    cursor.walk(35)
    cursor.pause()


def overflow(cursor: Cursor) -> None:
    """Have looked up to 69."""
    cursor.walk(55)
    cursor.find()


def underflow(cursor: Cursor) -> None:
    """Have looked down to 5."""
    cursor.walk(15)
    cursor.find_rev()


BEFORE: dict[str, tuple[Callable[[Cursor], None], Place]] = {
    "START": (start, ("START", 35, 35, None)),
    "ACTIVE": (active, ("ACTIVE", *B)),
    "NONE": (none, ("NONE", 20, 29, None)),
    "PAUSED": (paused, ("PAUSED", 30, 39, None)),
    "OVERFLOW": (overflow, ("OVERFLOW", 69, 69, None)),
    "UNDERFLOW": (underflow, ("UNDERFLOW", 5, 5, None)),
}
ON_A, ON_B, ON_C = (("ACTIVE", *entry) for entry in (A, B, C))

# operation -> what it does, and for each status where the cursor stands afterwards
TABLE: dict[str, tuple[Callable[[Cursor], object], dict[str, Place]]] = {
    "find, an entry": (
        lambda cursor: cursor.find(MAX),
        {
            "START": ON_B,
            "ACTIVE": ON_C,
            "NONE": ON_B,
            "PAUSED": ON_C,
            "OVERFLOW": ("OVERFLOW", MAX, MAX, None),
            "UNDERFLOW": ON_A,
        },
    ),
    "find, none": (
        lambda cursor: cursor.find(8),
        {
            "START": ("OVERFLOW", 34, 34, None),
            "ACTIVE": ("OVERFLOW", 39, 39, None),
            "NONE": ("OVERFLOW", 29, 29, None),
            "PAUSED": ("OVERFLOW", 39, 39, None),
            "OVERFLOW": ("OVERFLOW", 69, 69, None),
            "UNDERFLOW": ("OVERFLOW", 8, 8, None),
        },
    ),
    "next": (
        Cursor.next,
        {
            "START": ON_C,
            "ACTIVE": ON_C,
            "NONE": ON_B,
            "PAUSED": ON_C,
            "OVERFLOW": ("OVERFLOW", 69, 69, None),
            "UNDERFLOW": ON_A,
        },
    ),
    "find_rev, an entry": (
        lambda cursor: cursor.find_rev(0),
        {
            "START": ON_B,
            "ACTIVE": ON_A,
            "NONE": ON_A,
            "PAUSED": ON_A,
            "OVERFLOW": ON_C,
            "UNDERFLOW": ("UNDERFLOW", 0, 0, None),
        },
    ),
    "find_rev, none": (
        lambda cursor: cursor.find_rev(65),
        {
            "START": ("UNDERFLOW", 36, 36, None),
            "ACTIVE": ("UNDERFLOW", 30, 30, None),
            "NONE": ("UNDERFLOW", 20, 20, None),
            "PAUSED": ("UNDERFLOW", 30, 30, None),
            "OVERFLOW": ("UNDERFLOW", 65, 65, None),
            "UNDERFLOW": ("UNDERFLOW", 5, 5, None),
        },
    ),
    "prev": (
        Cursor.prev,
        {
            "START": ON_A,
            "ACTIVE": ON_A,
            "NONE": ON_A,
            "PAUSED": ON_A,
            "OVERFLOW": ON_C,
            "UNDERFLOW": ("UNDERFLOW", 5, 5, None),
        },
    ),
    "walk, here": (
        Cursor.walk,
        {
            "START": ON_B,
            "ACTIVE": ON_B,
            "NONE": ("NONE", 20, 29, None),
            "PAUSED": ON_B,
            "OVERFLOW": ("NONE", 60, MAX, None),
            "UNDERFLOW": ("NONE", 0, 9, None),
        },
    ),
    "walk, an entry": (lambda cursor: cursor.walk(19), dict.fromkeys(BEFORE, ON_A)),
    "walk, a hole": (
        lambda cursor: cursor.walk(40),
        dict.fromkeys(BEFORE, ("NONE", 40, 49, None)),
    ),
    "set": (lambda cursor: cursor.set(99), dict.fromkeys(BEFORE, ("START", 99, 99, None))),
    "reset": (Cursor.reset, dict.fromkeys(BEFORE, ("START", LOW, LOW, None))),
    "pause": (
        Cursor.pause,
        {name: where for name, (_, where) in BEFORE.items()}
        | {"ACTIVE": ("PAUSED", 30, 39, None), "NONE": ("PAUSED", 20, 29, None)},
    ),
    "store": (
        lambda cursor: cursor.store(7),
        {
            "START": ("ACTIVE", 35, 35, 7),
            "ACTIVE": ("ACTIVE", 30, 39, 7),
            "NONE": ("ACTIVE", 20, 29, 7),
            "PAUSED": ("ACTIVE", 30, 39, 7),
        },
    ),
    "store ZERO": (
        lambda cursor: cursor.store(ZERO),
        {
            "START": ("ACTIVE", 35, 35, ZERO),
            "ACTIVE": ("ACTIVE", 30, 39, ZERO),
            "NONE": ("ACTIVE", 20, 29, ZERO),
            "PAUSED": ("ACTIVE", 30, 39, ZERO),
        },
    ),
    "erase": (
        Cursor.erase,
        {
            "START": ("NONE", 35, 35, None),
            "ACTIVE": ("NONE", 30, 39, None),
            "NONE": ("NONE", 20, 29, None),
            "PAUSED": ("NONE", 30, 39, None),
        },
    ),
    "store elsewhere": (
        lambda cursor: cursor.store(7, 0, 4),
        dict.fromkeys(BEFORE, ("ACTIVE", 0, 4, 7)),
    ),
}


def test_the_table_has_every_status() -> None:
    """A status that is added has to be put into the table."""
    assert set(BEFORE) == set(CursorStatus.__members__)


@pytest.mark.parametrize("status", BEFORE)
@pytest.mark.parametrize("operation", TABLE)
def test_every_cell_of_the_table(tree: MapleTree, operation: str, status: str) -> None:
    """From each status each operation leads to where the table says; or it is refused."""
    cursor = tree.cursor(LOW, HIGH)
    prepare, before = BEFORE[status]
    prepare(cursor)
    assert place(cursor) == before
    operate, after = TABLE[operation]
    if status in after:
        operate(cursor)
        assert place(cursor) == after[status]
    else:
        with pytest.raises(RuntimeError, match=status):
            operate(cursor)
        assert place(cursor) == before
    assert tree.check() is None


def test_overflow_and_underflow_turn_back(tree: MapleTree) -> None:
    """A step too far loses nothing: the way back begins with the entry that was last."""
    cursor = tree.cursor()
    assert [cursor.next(), cursor.next(), cursor.next()] == [A, B, C]
    assert cursor.next() is None
    assert [cursor.prev(), cursor.prev(), cursor.prev()] == [C, B, A]
    assert cursor.prev() is None
    assert cursor.next() == A


def test_a_new_end_goes_on_from_the_old_one(tree: MapleTree) -> None:
    """What was looked at is not looked at again."""
    cursor = tree.cursor()
    assert cursor.find(25) == A
    assert cursor.find(25) is None
    tree.store(22, 24, 5)
    assert cursor.find(45) == B
    assert cursor.find_rev(20) == (22, 24, 5)


def test_it_walks_over_everything_both_ways(tree: MapleTree) -> None:
    """Iterating sees the window's entries, reserved ones too; find_rev the same backwards."""
    assert list(tree.cursor()) == [A, B, C]
    assert list(tree.cursor(19, 50)) == [A, B, C]
    assert list(tree.cursor(20, 49)) == [B]
    assert list(MapleTree().cursor()) == []
    cursor = tree.cursor(20, MAX)
    cursor.set(MAX)
    assert [cursor.find_rev(), cursor.find_rev(), cursor.find_rev()] == [C, B, None]


def test_a_cursor_at_the_ends_of_all_keys() -> None:
    """Keys do not wrap."""
    tree = MapleTree()
    tree.store(0, 0, 1)
    tree.store(MAX, MAX, 2)
    cursor = tree.cursor()
    assert list(cursor) == [(0, 0, 1), (MAX, MAX, 2)]
    assert cursor.next() is None
    assert [cursor.prev(), cursor.prev(), cursor.prev()] == [(MAX, MAX, 2), (0, 0, 1), None]
    assert cursor.prev() is None
    assert cursor.next() == (0, 0, 1)


def test_what_was_paused_goes_on_behind_what_has_changed(tree: MapleTree) -> None:
    """The place is two keys, whatever stands there in the end."""
    cursor = tree.cursor()
    cursor.find()
    cursor.pause()
    tree.clear()
    tree.store(0, 15, 3)
    tree.store(25, 55, 4)
    assert cursor.next() == (25, 55, 4)


@pytest.mark.parametrize("count", [3, 40, 2000])
@pytest.mark.parametrize("value", [7, ZERO, None])
def test_overwriting_while_iterating(count: int, value: int | None) -> None:
    """A part of the entry, more than it, in front of it: what comes next lies behind the store."""
    entries = [(number * 10, number * 10 + 9, number + 1) for number in range(count)]
    for left, right in [(3, -3), (0, -5), (4, 0), (0, 0), (0, 25), (-5, 0), (-15, 12)]:
        tree = MapleTree()
        tree.build(entries)
        cursor, expected, stored = tree.cursor(), 0, 0
        for first, last, _ in cursor:
            assert first <= expected <= last
            low, high = max(first + left, 0), last + right
            expected = last + 1
            if low <= high:
                cursor.store(value, low, high)
                expected = high + 1
                stored += 1
        assert expected > entries[-1][0]
        assert stored >= count // 4
        assert tree.check() is None


def test_the_rest_of_an_entry_that_was_cut_comes_next() -> None:
    """Storing inside an entry leaves a piece on either side, and the right one is next."""
    tree = MapleTree()
    tree.store(0, 99, 1)
    cursor = tree.cursor()
    cursor.find()
    cursor.store(2, 40, 59)
    assert cursor.next() == (60, 99, 1)
    assert cursor.prev() == (40, 59, 2)
    assert cursor.prev() == (0, 39, 1)


def test_a_cursor_keeps_its_tree() -> None:
    """Whoever has a cursor, or a circle, has the tree."""
    cursor, circle = MapleTree().cursor(), MapleTree().cyclic()
    cursor.store(3, 5, 9)
    assert list(cursor) == []
    assert cursor.prev() == (5, 9, 3)
    assert circle.allocate(5, 1) == (0, False)


def test_a_cursor_of_a_closed_tree_says_so(tree: MapleTree) -> None:
    """It does not wander through another tree."""
    cursor = tree.cursor()
    cursor.find()
    tree.close()
    for use in (cursor.find, cursor.prev, cursor.walk, lambda: cursor.store(1)):
        with pytest.raises(ValueError, match="closed"):
            use()


def test_it_refuses_what_is_no_key_and_no_value(tree: MapleTree) -> None:
    """The same as the tree: the argument is named, and the cursor stays."""
    cursor = tree.cursor()
    cursor.find()
    for use, name in [
        (lambda: cursor.set(-1), "index"),
        (lambda: cursor.walk(MAX + 1), "index"),
        (lambda: cursor.find(-1), "last"),
        (lambda: cursor.find_rev(MAX + 1), "first"),
        (lambda: cursor.store(0), "value"),
        (lambda: cursor.store(1, 5, 4), "first"),
        (lambda: tree.cursor(5, 4), "index"),
    ]:
        with pytest.raises(ValueError, match=rf"\b{name}\b"):
            use()  # type: ignore[no-untyped-call]
        assert place(cursor) == ON_A
    assert repr(cursor) == "<Cursor active [0xa, 0x13] 1>"


def test_cursors_beside_writers() -> None:
    """Ends ascend one way, beginnings descend the other; what is never written is always met."""
    tree = MapleTree(arena=Arena(64 << 20, poison=True))
    still = [(key * 100, key * 100 + 9, key + 1) for key in range(200)]
    for entry in still:
        tree.store(*entry)
    done, failures = threading.Event(), list[BaseException]()

    def write(seed: int) -> None:
        draw = random.Random(seed)
        for _ in range(8000):
            first = draw.randrange(200) * 100 + 10 + draw.randrange(80)
            last = min(first + draw.randrange(20), first // 100 * 100 + 99)
            if draw.random() < 0.3:
                tree.reserve(first, last)
            else:
                tree.store(first, last, draw.choice((None, 7, 8)))

    def read(upward: bool) -> None:
        try:
            while not done.is_set():
                cursor, seen = tree.cursor(), []
                if not upward:
                    cursor.set(MAX)
                while entry := cursor.find() if upward else cursor.find_rev():
                    assert not seen or not upward or entry[1] > seen[-1][1]
                    assert not seen or upward or entry[0] < seen[-1][0]
                    seen.append(entry)
                met = [entry for entry in seen if entry[0] % 100 == 0]
                assert met == (still if upward else still[::-1])
        except BaseException as failure:
            failures.append(failure)

    readers = [threading.Thread(target=read, args=(upward,)) for upward in (True, False, True)]
    writers = [threading.Thread(target=write, args=(seed,)) for seed in (1, 2)]
    for thread in readers + writers:
        thread.start()
    for thread in writers:
        thread.join()
    done.set()
    for thread in readers:
        thread.join()
    assert failures == []
    assert tree.check() is None
