"""The address space: a sorted list of VMAs, and the counts that limits are held against."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from itertools import count, pairwise

from tests.mm.spec.words import ACCESS, LOCKED_MASK, PAGE, PMD, TASK_SIZE, Failed, Limits, Vm

NUMBERS = count(1)


@dataclass(frozen=True, eq=False)
class File:
    """One open file. Opened twice, a file is two of these, and their mappings never merge."""

    path: str = ""
    readable: bool = True
    writable: bool = True
    huge_aligned: bool = True  # its file system places it as huge pages would like (ext4, xfs)
    shmem: bool = False  # also behind shared anonymous memory
    zero: bool = False  # /dev/zero: a private mapping of it is anonymous memory
    hugetlb: bool = False
    special: bool = False  # vdso and its kin: no file in truth, and never split
    segment: int = 0  # bytes of a SysV segment, which wants to be told when a VMA of it goes

    @property
    def closes(self) -> bool:
        """Whether it wants to be told when a VMA goes, so that none is merged away."""
        return self.segment > 0


@dataclass(frozen=True, eq=False)
class Anon:
    """The identity that a private VMA gets with its first written page (anon_vma)."""

    number: int = field(default_factory=lambda: next(NUMBERS))


@dataclass(eq=False)
class Vma:
    """One mapping: [start, end) and all that decides whether neighbours are one mapping."""

    start: int
    end: int
    flags: Vm
    file: File | None = None
    pgoff: int = 0  # of `start`: pages of the file; of anonymous memory start/PAGE when made
    anon: Anon | None = None
    chain: int = 0  # length of the anon_vma_chain: 1 if `anon` was made here, more after a fork
    policy: object = None  # NUMA policy, by identity
    name: str | None = None  # PR_SET_VMA_ANON_NAME

    @property
    def pages(self) -> int:
        """How many pages it has."""
        return (self.end - self.start) // PAGE

    @property
    def anonymous(self) -> bool:
        """Whether its pages come from no file (private /dev/zero included)."""
        return self.file is None or (self.file.zero and not self.flags & Vm.SHARED)

    @property
    def has_file(self) -> bool:
        """Whether there is an open file behind it; behind the vdso there is none."""
        return self.file is not None and not self.file.special

    @property
    def fork_child(self) -> bool:
        """Whether its pages may be those of a parent: it was written to before a fork."""
        return self.anon is not None and self.chain != 1

    @property
    def accessible(self) -> bool:
        """Whether anything may be done with it: not PROT_NONE."""
        return bool(self.flags & ACCESS)

    def pgoff_at(self, address: int) -> int:
        """Return the pgoff of an address inside."""
        return self.pgoff + (address - self.start) // PAGE

    def copy(self, **changes: object) -> Vma:
        """Return a VMA that differs in `changes` only."""
        return replace(self, **changes)  # type: ignore[arg-type]


@dataclass(eq=False)
class AddressSpace:
    """One mm. All rules are functions of this; the list is always sorted and disjoint."""

    vmas: list[Vma] = field(default_factory=list)
    mmap_base: int = TASK_SIZE  # top-down searches end here
    legacy_base: int = TASK_SIZE // 3 & -PAGE  # bottom-up searches begin here
    topdown: bool = True
    start_brk: int = 0
    brk: int = 0
    def_flags: Vm = Vm.NONE  # of every mapping to come (mlockall)
    huge_pages: str = "madvise"  # always, madvise or never: transparent_hugepage/enabled
    limits: Limits = field(default_factory=Limits)

    @property
    def map_count(self) -> int:
        """How many VMAs there are."""
        return len(self.vmas)

    def ranges(self) -> list[tuple[int, int]]:
        """Return [start, end) of all VMAs, ascending."""
        return [(vma.start, vma.end) for vma in self.vmas]

    def insert(self, vma: Vma) -> None:
        """Add a VMA where nothing is."""
        self.vmas.append(vma)
        self.vmas.sort(key=lambda v: v.start)

    def remove(self, vma: Vma) -> None:
        """Take a VMA out."""
        self.vmas.remove(vma)

    def split(self, vma: Vma, address: int, *, checked: bool = True) -> None:
        """Cut a VMA in two at `address`; `vma` stays the lower part.

        ENOMEM at the limit of VMAs (munmap does not ask: `checked`). Special mappings are
        never split, huge pages only at their boundaries: EINVAL. Both parts keep the anon.
        """
        if checked and self.map_count >= self.limits.map_count:
            raise Failed("ENOMEM")
        if vma.file is not None and (vma.file.special or (vma.file.hugetlb and address % PMD)):
            raise Failed("EINVAL")
        self.insert(vma.copy(start=address, pgoff=vma.pgoff_at(address)))
        vma.end = address

    def prev_of(self, vma: Vma) -> Vma | None:
        """Return the VMA below."""
        at = self.vmas.index(vma)
        return self.vmas[at - 1] if at else None

    def next_of(self, vma: Vma) -> Vma | None:
        """Return the VMA above."""
        return next(iter(self.vmas[self.vmas.index(vma) + 1 :]), None)

    def may_expand(self, flags: Vm, pages: int) -> bool:
        """Tell whether `pages` more of this kind keep to RLIMIT_AS and RLIMIT_DATA."""
        total = sum(vma.pages for vma in self.vmas)
        if total + pages > self.limits.address_space // PAGE:
            return False
        data = sum(vma.pages for vma in self.vmas if is_data(vma.flags))
        return not is_data(flags) or data + pages <= self.limits.data // PAGE

    def enough_memory(self, flags: Vm, length: int) -> bool:
        """Tell whether one request for accounted memory is no more than there is in all."""
        return not flags & Vm.ACCOUNT or length <= self.limits.memory

    def may_lock(self, flags: Vm, length: int) -> bool:
        """Tell whether `length` more bytes of this kind keep to RLIMIT_MEMLOCK."""
        locked = sum(vma.end - vma.start for vma in self.vmas if vma.flags & LOCKED_MASK)
        return not flags & Vm.LOCKED or locked + length <= self.limits.locked

    def check(self) -> str | None:
        """Return the first broken invariant, or None."""
        for vma in self.vmas:
            if vma.start >= vma.end or vma.start % PAGE or vma.end % PAGE:
                return f"{vma.start:#x}-{vma.end:#x} is no range of pages"
            if (vma.anon is None) != (vma.chain == 0):
                return f"{vma.start:#x} has a chain of {vma.chain} for anon {vma.anon}"
            if vma.anon is not None and vma.flags & Vm.SHARED:
                return f"{vma.start:#x} is shared and has an anon"
        for low, high in pairwise(self.vmas):
            if low.end > high.start:
                return f"{high.start:#x} begins before {low.end:#x}"
        return None


def is_data(flags: Vm) -> bool:
    """Tell whether a mapping counts as data: private, writable, and no stack."""
    return flags & (Vm.WRITE | Vm.SHARED | Vm.GROWSDOWN | Vm.GROWSUP) == Vm.WRITE
