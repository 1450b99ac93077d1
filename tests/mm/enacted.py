"""The rules as the kernels enact them, behind the functions of the specification.

A test of a rule calls functions of tests/mm/spec on a small model. Here each of them has a twin
that makes an address space of the kernels like the model, makes the call there, and makes the
model like what came of it. So every test of a rule is a test of the kernels too, at every stage
of their structures, with validation around each call.

What has an identity of its own in the model (VMAs, files, anons, policies, names) is a number
for the kernels; `Numbers` knows which.
"""

from __future__ import annotations

import errno
from collections.abc import Callable, Hashable, Iterator
from dataclasses import replace
from functools import cache
from types import ModuleType
from typing import Any

from stressd_kernels import address_space as kernels
from stressd_kernels.layout import LEAF_WORDS
from stressd_kernels.mm import words as kernel_words
from stressd_kernels.mm.calls import Call
from stressd_kernels.mm.layout import MM_BRK, MM_DEF_FLAGS
from stressd_kernels.records import (
    VMA_ANON,
    VMA_CHAIN,
    VMA_END,
    VMA_FILE,
    VMA_FLAGS,
    VMA_ID,
    VMA_NAME,
    VMA_PGOFF,
    VMA_POLICY,
    VMA_SEGMENT,
    VMA_START,
)
from stressd_kernels.spaces import Limits, Settings
from tests.mm.kernels.steps import record_at, step
from tests.mm.spec import change, gaps, grow, merge, modify, place, remap, shm
from tests.mm.spec.space import AddressSpace, Anon, File, Vma
from tests.mm.spec.words import PAGE, CannotKnow, Failed, Vm

STAGES = ("all", "no-rbtree", "no-list", "no-cache")
BITS = [(flag, int(getattr(kernel_words, f"VM_{flag.name}"))) for flag in Vm if flag]
KINDS = {
    "readable": kernel_words.FILE_READABLE,
    "writable": kernel_words.FILE_WRITABLE,
    "huge_aligned": kernel_words.FILE_HUGE_ALIGNED,
    "shmem": kernel_words.FILE_SHMEM,
    "zero": kernel_words.FILE_ZERO,
    "hugetlb": kernel_words.FILE_HUGETLB,
    "special": kernel_words.FILE_SPECIAL,
}
KIND_MASK = (1 << int(kernel_words.FILE_SHIFT)) - 1


def flags_word(flags: Vm) -> int:
    """Return flags of the model as the kernels have them."""
    return sum(bit for flag, bit in BITS if flags & flag)


def flags_of(word: int) -> Vm:
    """Return flags of the kernels as the model has them."""
    found = Vm.NONE
    for flag, bit in BITS:
        found |= flag if word & bit else Vm.NONE
    assert flags_word(found) == word, f"flags {word:#x} are not all known"
    return found


class Numbers:
    """Which number stands for which thing of the model; None is 0."""

    def __init__(self) -> None:
        self._numbers: dict[Hashable, int] = {None: 0}
        self._things: dict[int, Any] = {0: None}

    def number(self, thing: Hashable, number: int | None = None) -> int:
        """Return the number of a thing; a new thing gets `number`, or the next one."""
        if thing not in self._numbers:
            self.know(len(self._numbers) if number is None else number, thing)
        return self._numbers[thing]

    def know(self, number: int, thing: Hashable) -> None:
        """Let `number` stand for a thing from now on."""
        self._numbers[thing] = number
        self._things[number] = thing

    def thing(self, number: int, make: Callable[[], Hashable]) -> Any:
        """Return what a number stands for; made now if the kernels came up with it."""
        if number not in self._things:
            self.know(number, make())
        return self._things[number]


def file_word(files: Numbers, file: File | None) -> int:
    """Return the word of an open file."""
    if file is None:
        return 0
    kinds = {name: getattr(file, name) for name in KINDS}
    twin = kernels.File(file.path, **kinds, closes=file.closes)
    return files.number(file, twin.word)


def file_of(word: int, segment: int) -> File:
    """Return an open file that the kernels made."""
    kinds = {name: bool(word & int(bit)) for name, bit in KINDS.items()}
    return File("made", **kinds, segment=segment)


class Enacted:
    """One address space of the kernels that is made like a model before each call."""

    def __init__(self, stage: str) -> None:
        self._stage = stage
        self._begin()

    def _begin(self) -> None:
        """Begin with an empty address space, and no numbers given out."""
        self.space = kernels.AddressSpace(Settings(stage=self._stage))
        self.files, self.anons, self.others = Numbers(), Numbers(), Numbers()

    def run(self, call: Callable[[Enacted, AddressSpace], Any], model: AddressSpace) -> Any:
        """Do something to an address space that is as `model`, and change `model` alike."""
        try:
            vmas = self.load(model)
            try:
                return call(self, model)
            except OSError as error:
                raise Failed(errno.errorcode[error.errno or 0]) from None
            except kernels.CannotKnow:
                raise CannotKnow from None
            finally:
                self.read_back(model, vmas)
        except kernels.Broken:
            self._begin()  # the next test wants a sound one
            raise

    def load(self, model: AddressSpace) -> dict[int, Vma]:
        """Make the address space like `model`; return which VMA has which identity."""
        self._set(self._settings(AddressSpace()), 0)
        for record, _ in self._records():  # what was sealed must go as well
            self.space.words[record + VMA_FLAGS] &= ~kernel_words.VM_SEALED
        self.space.munmap(0, int(kernel_words.TASK_SIZE))
        for vma in model.vmas:
            file = file_word(self.files, vma.file)
            self.space.place(vma.start, vma.end, flags_word(vma.flags), file, vma.pgoff)
        vmas = {}
        for vma, (record, fields) in zip(model.vmas, self._records(), strict=True):
            words = self.space.words
            vmas[int(fields[VMA_ID])] = vma
            words[record + VMA_ANON] = self.anons.number(vma.anon, 1000 + id(vma.anon))
            words[record + VMA_CHAIN] = vma.chain
            words[record + VMA_POLICY] = self.others.number(vma.policy)
            words[record + VMA_NAME] = self.others.number(vma.name)
            words[record + VMA_SEGMENT] = vma.file.segment if vma.file else 0
        self.known = vmas
        self._set(self._settings(model), flags_word(model.def_flags))
        return vmas

    def read_back(self, model: AddressSpace, known: dict[int, Vma]) -> None:
        """Make `model` like the address space; a VMA keeps its object if it kept its identity."""
        words = self.space.words
        model.brk = int(words[self.space.mm + MM_BRK])
        model.def_flags = flags_of(int(words[self.space.mm + MM_DEF_FLAGS]))
        model.vmas = []
        for _, fields in self._records():
            now = self._vma(fields)
            vma = known.get(int(fields[VMA_ID]), now)
            vars(vma).update(vars(now))
            model.vmas.append(vma)

    def step(self, call: Call, *arguments: int) -> None:
        """Make a step of a call; OSError if it fails."""
        step(self.space, call, *arguments)

    def vma_in(self, record: int) -> Vma:
        """Return the VMA of the model that a record will be when it is read back."""
        identity = int(self.space.words[record + VMA_ID])
        return self.known.setdefault(identity, Vma(0, 0, Vm.NONE))

    def part(self, part: merge.Part) -> list[int]:
        """Return words 1 .. 9 of the record of a part."""
        return [
            part.start, part.end, part.pgoff, flags_word(part.flags),
            file_word(self.files, part.file), self.anons.number(part.anon, 1000 + id(part.anon)),
            part.source.chain if part.source else 0,
            self.others.number(part.policy), self.others.number(part.name),
        ]  # fmt: skip

    def record_at(self, address: int) -> int:
        """Return the word index of the VMA that holds an address."""
        return record_at(self.space, address)

    def _records(self) -> Iterator[tuple[int, Any]]:
        """Return word index and words of all VMAs, ascending, as the maple tree has them."""
        address = 0
        while record := record_at(self.space, address):
            fields = self.space.words[record : record + LEAF_WORDS].copy()
            address = int(fields[VMA_END])
            yield record, fields

    def _vma(self, fields: Any) -> Vma:
        """Return a VMA of the model out of the words of a record."""
        word, segment = int(fields[VMA_FILE]), int(fields[VMA_SEGMENT])
        return Vma(
            int(fields[VMA_START]),
            int(fields[VMA_END]),
            flags_of(int(fields[VMA_FLAGS])),
            self.files.thing(word, lambda: file_of(word, segment)),
            int(fields[VMA_PGOFF]),
            self.anons.thing(int(fields[VMA_ANON]), Anon),
            int(fields[VMA_CHAIN]),
            self.others.thing(int(fields[VMA_POLICY]), object),
            self.others.thing(int(fields[VMA_NAME]), lambda: "?"),
        )

    def _settings(self, model: AddressSpace) -> Settings:
        """Return the settings of the kernels for a model."""
        return Settings(
            self._stage, 1, model.mmap_base, model.legacy_base, model.topdown,
            model.start_brk, model.brk, model.huge_pages, Limits(**vars(model.limits)),
        )  # fmt: skip

    def _set(self, settings: Settings, def_flags: int) -> None:
        """Write settings into the block of the address space."""
        for offset, word in settings.words().items():
            self.space.words[self.space.mm + offset] = word
        self.space.words[self.space.mm + MM_DEF_FLAGS] = def_flags


@cache
def enacted(stage: str) -> Enacted:
    """Return the address space that all tests of a stage share."""
    return Enacted(stage)


# -- the twins: (self, model, the arguments of the specification's function) -------------------


def grow_stack(self: Enacted, _: AddressSpace, vma: Vma, address: int) -> None:
    """Let a stack grow, either way."""
    self.step(Call.GROW, self.record_at(vma.start), address)


def bind(self: Enacted, _: AddressSpace, address: int, length: int, policy: object) -> None:
    """Set the NUMA policy of a range."""
    self.space.bind(address, length, self.others.number(policy))


def name_range(self: Enacted, _: AddressSpace, address: int, length: int, name: str | None) -> None:
    """Give anonymous memory a name."""
    self.space.name_range(address, length, self.others.number(name))


def plain(method: str) -> Callable[..., Any]:
    """Return the twin of a rule that takes and returns numbers alone."""

    def call(self: Enacted, _: AddressSpace, *arguments: Any, **named: Any) -> Any:
        return getattr(self.space, method)(*arguments, **named)

    return call


def mmap(
    self: Enacted,
    _: AddressSpace,
    address: int,
    length: int,
    prot: int,
    flags: int,
    file: File | None = None,
    offset: int = 0,
) -> int:
    """Map; by the step, which takes any offset in pages, and touches nothing."""
    words = address, length, prot, int(flags), file_word(self.files, file)
    if offset % PAGE:
        return self.space._call(Call.MMAP, *words, offset=offset)
    segment = file.segment if file else 0
    return step(self.space, Call.MMAP_HELD, *words, offset=offset // PAGE, part=segment)[1]


def topdown(self: Enacted, _: AddressSpace, search: gaps.Search) -> int:
    """Search from the top."""
    words = search.length, search.low, search.high, search.mask, search.offset
    return self.space._call(Call.SEARCH, *words, offset=1)


def bottomup(self: Enacted, _: AddressSpace, search: gaps.Search) -> int:
    """Search from the bottom."""
    words = search.length, search.low, search.high, search.mask, search.offset
    return self.space._call(Call.SEARCH, *words)


def placed(self: Enacted, _: AddressSpace, want: place.Request) -> int:
    """Find a place."""
    flags = change.Map.FIXED if want.fixed else 0
    flags |= change.Map.SHARED if want.shared else 0
    flags |= change.Map.BELOW_2G if want.below_2g else 0
    flags |= change.Map.ABOVE_4G if want.above_4g else 0
    file = file_word(self.files, want.file)
    words = want.address, want.length, int(flags), file, want.offset
    return step(self.space, Call.PLACE_HELD, *words)[1]


def merge_new(
    self: Enacted, _: AddressSpace, part: merge.Part, *, left_only: bool = False
) -> Vma | None:
    """Join a free range with its neighbours."""
    found, _answer = step(self.space, Call.MERGE_NEW, int(left_only), part=self.part(part))
    return self.vma_in(found) if found else None


def changed(
    self: Enacted, _: AddressSpace, vma: Vma, start: int, end: int, **changes: object
) -> Vma:
    """Change a part of a VMA."""
    part = self.part(replace(merge.Part.of(vma, start, end), **changes))  # type: ignore[arg-type]
    record = self.record_at(vma.start)
    return self.vma_in(step(self.space, Call.MODIFY, record, start, end, part=part)[0])


TWINS: dict[Callable[..., Any], Callable[..., Any]] = {
    change.mmap: mmap,
    change.munmap: plain("munmap"),
    gaps.topdown: topdown,
    gaps.bottomup: bottomup,
    place.place: placed,
    merge.merge_new: merge_new,
    merge.modify: changed,
    grow.brk: plain("brk"),
    grow.fault: plain("fault"),
    grow.populate: plain("populate"),
    grow.grow_down: grow_stack,
    grow.grow_up: grow_stack,
    modify.mprotect: plain("mprotect"),
    modify.mseal: plain("mseal"),
    modify.madvise: plain("madvise"),
    modify.mlock: plain("mlock"),
    modify.munlock: plain("munlock"),
    modify.mlockall: plain("mlockall"),
    modify.bind: bind,
    modify.name_range: name_range,
    remap.mremap: plain("mremap"),
    shm.shmat: plain("shmat"),
    shm.shmdt: plain("shmdt"),
    shm.remap_file_pages: plain("remap_file_pages"),
}


def twin(function: Callable[..., Any], stage: str) -> Callable[..., Any]:
    """Return what does the same to a model as `function`, by the kernels."""
    call = TWINS[function]

    def by_the_kernels(model: AddressSpace, *arguments: Any, **named: Any) -> Any:
        return enacted(stage).run(lambda self, mm: call(self, mm, *arguments, **named), model)

    return by_the_kernels


def twins_in(module: ModuleType) -> Iterator[tuple[str, Callable[..., Any]]]:
    """Return the name and function of each rule that a module of tests calls."""
    for name, thing in vars(module).items():
        if callable(thing) and isinstance(thing, Hashable) and thing in TWINS:
            yield name, thing
