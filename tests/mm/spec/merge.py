"""When neighbours become one VMA, and what a change of a part of one does.

Two neighbours p|n are one VMA when all of this agrees:

    flags, file (the same open file), NUMA policy, name
    pgoff            n continues where p ends
    anon             the same; or one has none, and the other was not written to before a fork

and neither is special (IO, DONTEXPAND, PFNMAP, MIXEDMAP). When a range would join with both
sides at once, these must also agree with each other in anon, else it joins only the left one.
Whoever has no anon takes over that of the other.

The eight cases, in the words of older kernels; A is the range, P and N the VMAs around it:

    A is free                                A is mapped, and becomes like a neighbour
    1  P and N both join: P takes A and N    4  A is the tail of a VMA: N grows down over it
    2  P grows up over A                     5  A is the head of a VMA: P grows up over it
    3  N grows down over A                   6  A is a whole VMA: P takes it and N
                                             7  A is a whole VMA: P takes it
                                             8  A is a whole VMA: N takes it
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from tests.mm.spec.lookup import find_vma, find_vma_prev
from tests.mm.spec.space import AddressSpace, Anon, File, Vma
from tests.mm.spec.words import PAGE, SPECIAL, Vm


@dataclass(frozen=True)
class Part:
    """What the range [start, end) is to be."""

    start: int
    end: int
    flags: Vm
    file: File | None
    pgoff: int
    anon: Anon | None = None
    policy: object = None
    name: str | None = None
    source: Vma | None = None  # the VMA that `anon` is of, if there is one

    @property
    def pgoff_end(self) -> int:
        """The pgoff right behind the range."""
        return self.pgoff + (self.end - self.start) // PAGE

    @classmethod
    def of(cls, vma: Vma, start: int, end: int) -> Part:
        """Return the part [start, end) of a VMA as it is."""
        return cls(
            start, end, vma.flags, vma.file, vma.pgoff_at(start),
            vma.anon, vma.policy, vma.name, vma,
        )  # fmt: skip


def alike(vma: Vma, part: Part) -> bool:
    """Tell whether flags, open file, policy and name agree."""
    return (
        vma.flags == part.flags
        and vma.file is part.file
        and vma.policy is part.policy
        and vma.name == part.name
    )


def anons_agree(vma: Vma, part: Part) -> bool:
    """Tell whether a VMA and a part beside it may share an anon.

    The same, or none in one of them and the other not written to before a fork.
    """
    if vma.anon is None and part.anon is not None:
        return part.source is None or not part.source.fork_child
    if vma.anon is not None and part.anon is None:
        return not vma.fork_child
    return vma.anon is part.anon


def joins_left(prev: Vma | None, part: Part) -> bool:
    """Tell whether a part continues the VMA below."""
    return (
        prev is not None
        and prev.end == part.start
        and alike(prev, part)
        and anons_agree(prev, part)
        and prev.pgoff + prev.pages == part.pgoff
    )


def joins_right(part: Part, following: Vma | None) -> bool:
    """Tell whether the VMA above continues a part."""
    return (
        following is not None
        and following.start == part.end
        and alike(following, part)
        and anons_agree(following, part)
        and following.pgoff == part.pgoff_end
    )


def sides_agree(prev: Vma, following: Vma) -> bool:
    """Tell whether both neighbours may become one: the same anon, or none in one of them."""
    return prev.anon is None or following.anon is None or prev.anon is following.anon


def takes_anon(target: Vma, *sources: Vma | None) -> None:
    """Give a VMA without anon that of the first source that has one."""
    for source in sources:
        if target.anon is None and source is not None and source.anon is not None:
            target.anon, target.chain = source.anon, source.chain


def merge_new(mm: AddressSpace, part: Part, *, left_only: bool = False) -> Vma | None:
    """Join a free range with its neighbours (cases 1, 2, 3); None if it joins neither.

    `left_only`: as brk does.
    """
    prev, _ = find_vma_prev(mm, part.start)
    following = find_vma(mm, part.start)
    if part.flags & SPECIAL:
        return None
    left = joins_left(prev, part)
    right = not left_only and joins_right(part, following)
    if left and right:
        assert prev is not None
        assert following is not None
        right = sides_agree(prev, following)
    if left and right and _must_stay(following):
        right = False
    if left:
        assert prev is not None
        if right:
            assert following is not None
            takes_anon(prev, following)
            mm.remove(following)
        takes_anon(prev, part.source)
        prev.end = following.end if right and following is not None else part.end
        return prev
    if right:
        assert following is not None
        takes_anon(following, part.source)
        following.start, following.pgoff = part.start, part.pgoff
        return following
    return None


def merge_existing(mm: AddressSpace, middle: Vma, part: Part) -> Vma | None:
    """Join a changed part of `middle` with the neighbours (cases 4 to 8); None if it joins none.

    Only a part at the edge of `middle` can. If `middle` would vanish but must not (its file
    wants to be told), nothing is joined.
    """
    at_left, at_right = part.start == middle.start, part.end == middle.end
    if part.flags & SPECIAL or not (at_left or at_right):
        return None
    prev, following = mm.prev_of(middle), mm.next_of(middle)
    left = at_left and joins_left(prev, part)
    right = at_right and joins_right(part, following)
    if left and right:
        assert prev is not None
        assert following is not None
        right = sides_agree(prev, following)
    if not (left or right) or (at_left and at_right and _must_stay(middle)):
        return None
    if left and right and _must_stay(following):
        right = False
    if left:
        assert prev is not None
        return _over_left(mm, prev, middle, following if right else None, part)
    assert following is not None
    takes_anon(following, middle)
    following.start, following.pgoff = part.start, part.pgoff
    if at_left:
        mm.remove(middle)
    else:
        middle.end = part.start
    return following


def _over_left(mm: AddressSpace, prev: Vma, middle: Vma, right: Vma | None, part: Part) -> Vma:
    """Let `prev` grow over the part, and over `right` if that is given."""
    takes_anon(prev, right, middle)
    if part.end == middle.end:
        mm.remove(middle)
    else:
        middle.pgoff = middle.pgoff_at(part.end)
        middle.start = part.end
    if right is not None:
        mm.remove(right)
    prev.end = right.end if right is not None else part.end
    return prev


def _must_stay(vma: Vma | None) -> bool:
    """Tell whether the file of a VMA wants to be told when it goes."""
    return vma is not None and vma.file is not None and vma.file.closes


def modify(mm: AddressSpace, vma: Vma, start: int, end: int, **changes: object) -> Vma:
    """Change flags, policy or name of [start, end), which lies in `vma`; return what covers it.

    Joins it with a neighbour if that is possible. Else splits at `start`, then at `end`: if the
    second split fails the first one stays.
    """
    part = replace(Part.of(vma, start, end), **changes)  # type: ignore[arg-type]
    merged = merge_existing(mm, vma, part)
    if merged is not None:
        return merged
    if vma.start < start:
        mm.split(vma, start)
        above = mm.next_of(vma)
        assert above is not None
        vma = above
    if vma.end > end:
        mm.split(vma, end)
    vma.flags, vma.policy, vma.name = part.flags, part.policy, part.name
    return vma
