"""Arguments of the library, checked at its edge: one clear error that names the argument.

Integers out of range raise ValueError; what is no integer, a boolean among them, TypeError.
"""

import operator
from collections.abc import Iterable

import numpy as np
import numpy.typing as npt

from stressd_kernels.status import KEY_MAX, VALUE_MAX, ZERO

Entry = tuple[int, int, int]  # first, last (inclusive), value


def integer(name: str, number: int) -> int:
    """Return `number` as an int; TypeError if it is none."""
    if isinstance(number, bool):
        raise TypeError(f"{name} must be an integer (got {number!r})")
    try:
        return operator.index(number)
    except TypeError:
        raise TypeError(f"{name} must be an integer (got {number!r})") from None


def key_of(name: str, number: int) -> int:
    """Return `number` as a key."""
    key = integer(name, number)
    if not 0 <= key <= KEY_MAX:
        raise ValueError(f"{name} must be 0 .. 2**64 - 1 (got {key})")
    return key


def keys_of(name: str, numbers: Iterable[int] | npt.ArrayLike) -> npt.NDArray[np.uint64]:
    """Return `numbers` as contiguous uint64 keys."""
    if isinstance(numbers, np.ndarray) and numbers.dtype == np.uint64 and numbers.ndim == 1:
        return np.array(numbers, order="C")  # nobody else's: a search reads its key at each level
    try:
        listed = list(numbers)  # type: ignore[arg-type]
    except TypeError:
        raise TypeError(f"{name} must be a sequence of integers (got {numbers!r})") from None
    return np.array([key_of(name, number) for number in listed], np.uint64)


def range_of(first: int, last: int, low: str = "first", high: str = "last") -> tuple[int, int]:
    """Return both ends of a range of keys; ValueError if it is reversed."""
    first, last = key_of(low, first), key_of(high, last)
    if first > last:
        raise ValueError(f"{low} must not be above {high} (got {first} and {last})")
    return first, last


def size_of(number: int) -> int:
    """Return `number` as a count of keys, 1 or more."""
    size = key_of("size", number)
    if size == 0:
        raise ValueError("size must be 1 or more (got 0)")
    return size


def mask_of(number: int) -> int:
    """Return `number` as an alignment mask: a power of two minus 1."""
    mask = key_of("align_mask", number)
    if mask & (mask + 1):
        raise ValueError(f"align_mask must be a power of two minus 1 (got {number})")
    return mask


def value_of(number: int) -> int:
    """Return `number` as a value that can be stored."""
    value = integer("value", number)
    if not 1 <= value <= VALUE_MAX:
        raise ValueError(f"value must be 1 .. 2**63 - 1 (got {value})")
    return value


def content_of(number: int | None) -> int:
    """Return the word of a value that can be stored, or ZERO for None: a reservation."""
    return ZERO if number is None else value_of(number)


def word_of(number: int | None) -> int:
    """Return the word of a value, of ZERO, or 0 for None: nothing."""
    if number is None:
        return 0
    return ZERO if number == ZERO else value_of(number)


def row_of(entry: Entry) -> Entry:
    """Return one entry of three integers."""
    try:
        first, last, value = entry
    except (TypeError, ValueError):
        raise ValueError(f"an entry must be first, last and value (got {entry!r})") from None
    return (*range_of(first, last), value_of(value))


def rows_of(entries: Iterable[Entry] | npt.NDArray[np.integer]) -> npt.NDArray[np.uint64]:
    """Return entries as contiguous rows, or raise ValueError for the first bad one."""
    if isinstance(entries, np.ndarray) and entries.dtype.kind in "iu":
        if entries.size and (entries.ndim != 2 or entries.shape[1] != 3 or entries.min() < 0):
            raise ValueError("entries must be rows of first, last and value, none below 0")
        rows = np.array(entries, np.uint64, order="C").reshape(-1, 3)  # checked, then nobody else's
    else:
        try:
            listed = iter(entries)
        except TypeError:
            raise TypeError(f"entries must be a sequence of entries (got {entries!r})") from None
        rows = np.array([row_of(entry) for entry in listed], np.uint64).reshape(-1, 3)
    first, last, value = rows[:, 0], rows[:, 1], rows[:, 2]
    bad = (first > last) | (value == 0) | (value > VALUE_MAX)
    bad[1:] |= first[1:] <= last[:-1]
    if bad.any():
        place = int(np.flatnonzero(bad)[0])
        raise ValueError(f"entries[{place}] is reversed, out of order or has no valid value")
    return rows
