"""Calls of several threads that overlap in time: an order in which the kernel may have done them.

A log tells when a call began and when it had returned, as lines. A call that returned before
another began was done before it. Of calls that overlap the order is not told, but their answers
speak: whoever was given an address found a certain range free, and others taken.

The call that returned first is done first, unless its answer says that others came before it:

    it was given a range that is taken     one that unmaps it
    it was not given a better range        one that was given that

A choice is never taken back. What cannot be explained in this way is unknown (raced), and never
agreement.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from stressd.replay.strace.operations import Operation, Range

WAITING_MAX = 256  # calls; more are taken in the order in which they returned

# Does a call if its answer is as predicted, and returns None; else returns what was predicted.
Try = Callable[[Operation], int | str | None]
Judge = Callable[[Operation], object]  # does a call, whatever its answer is


def settle(waiting: list[Operation], attempt: Try, judge: Judge) -> None:
    """Do all calls in a likely order; they come in the order in which they returned."""
    while waiting:
        first = waiting[0]
        ready = [o for o in waiting if o is not first and o.returned.began <= first.returned.line]
        before = _before(first, ready, attempt) if ready else None
        if before is first or (before is not None and before in ready):
            waiting.remove(before)
            continue
        judge(first)
        waiting.remove(first)


def _before(first: Operation, ready: Sequence[Operation], attempt: Try) -> Operation | None:
    """Do one of these calls that the answers want done now, and return it; None if there is none.

    first  the one that returned first
    ready  those that overlap with it
    """
    if not first.retractable:
        return None
    predicted = attempt(first)
    if predicted is None:
        return first
    return _explanation(first, predicted, ready, attempt)


def _explanation(
    first: Operation, predicted: int | str, ready: Sequence[Operation], attempt: Try
) -> Operation | None:
    """Do one that explains why a call was not given what was predicted, and return it."""
    given = first.touched
    for operation in ready:
        if _overlap(operation.freed, given) and attempt(operation) is None:
            return operation
    if given is None or isinstance(predicted, str):
        return None
    better = predicted, predicted + given[1] - given[0]
    for operation in ready:
        taken = operation.retractable and _overlap(operation.touched, better)
        if taken and attempt(operation) is None:
            return operation
    return None


def _overlap(one: Range | None, other: Range | None) -> bool:
    """Tell whether two ranges have an address in common."""
    return one is not None and other is not None and one[0] < other[1] and other[0] < one[1]
