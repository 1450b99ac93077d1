"""Address spaces: VMAs tracked in a maple tree, an rb-tree and a list, in parallel.

layout    words of an address space            words     pages, flags, errors
calls     what can be asked, and how           frame     reserve, lock, validate, give back
track     every change goes to all             links     the list and the rb-tree
counts    pages, and the limits on them        lookup    which VMA, with the lock held
cache     the last VMAs that were found        readers   look-ups without the lock
trace     every store, for others to read      drain     taking events out of the rings
finding   what was wrong                       tally     splits and merges, counted
odd       the faults of the original

rules/            what each call does, and the steps they share
    map       mmap                             unmap     munmap
    place     where a new mapping goes         gaps      where a free range is found
    merge     when neighbours become one VMA   modify    what a change of a part does
    walk      a range, VMA by VMA              protect   mprotect
    advise    madvise                          mlock     mlock, munlock, mlockall
    bind      NUMA policies                    name      names of anonymous memory
    seal      mseal                            snapshot  a VMA as /proc/PID/maps says
    remap     mremap                           move      a copy, and the source goes
    heap      brk                              stack     what grows when it is touched
    shm       SysV segments                    special   the kernel's own, as the vdso
    fault     touching memory                  anon      what the first write leaves
    fork      a copy of it all                 exec      how an address space begins
    exit      how one ends
validation/       whether all structures say the same
    validate  structure against structure      compare   two answers to one question
    report    what was found, as a text
recordings/       raw stores and searches, no calls
    recorded  a range as a recording says      playing   the rows of a recording
    growing   which VMAs grow down

A call is one file of rules/ with its entry, and one line of CALLS; the steps it uses are one line
of STEPS.
"""

from collections.abc import Iterable, Mapping

from stressd_kernels.door import Entry
from stressd_kernels.mm import frame, readers, track
from stressd_kernels.mm.calls import Call
from stressd_kernels.mm.recordings import recorded
from stressd_kernels.mm.rules import (
    advise,
    bind,
    exec,
    exit,
    fault,
    fork,
    gaps,
    heap,
    map,
    merge,
    mlock,
    modify,
    move,
    name,
    place,
    protect,
    remap,
    seal,
    shm,
    snapshot,
    special,
    stack,
    unmap,
)
from stressd_kernels.mm.validation import validate
from stressd_kernels.verbs import Verb

CALLS: Mapping[Call, Entry] = {
    Call.MMAP: map.mmap,
    Call.MUNMAP: unmap.munmap,
    Call.MPROTECT: protect.mprotect,
    Call.MADVISE: advise.madvise,
    Call.MLOCK: mlock.mlock,
    Call.MUNLOCK: mlock.munlock,
    Call.MLOCKALL: mlock.mlockall,
    Call.BIND: bind.bind,
    Call.NAME: name.name_range,
    Call.BRK: heap.brk,
    Call.MREMAP: remap.mremap,
    Call.SHMAT: shm.shmat,
    Call.SHMDT: shm.shmdt,
    Call.REMAP_PAGES: shm.remap_file_pages,
    Call.MOVE: move.move,
    Call.MSEAL: seal.mseal,
    Call.FAULT: fault.fault,
    Call.POPULATE: fault.populate,
    Call.SPECIAL: special.special,
    Call.PLACE: snapshot.place,
    Call.RECORD_STORE: recorded.record_store,
    Call.RECORD_ERASE: recorded.record_erase,
    Call.RECORD_BEGIN: recorded.record_begin,
    Call.FORK: fork.fork,
    Call.EXEC: exec.execute,
    Call.MOVE_STACK: exec.move_stack,
    Call.EXIT: exit.exit,
    Call.SEARCH: gaps.search,
    Call.VALIDATE: validate.validate,
    Call.FIND_VMA: readers.find,
    Call.FIND_PREV: readers.find_prev,
    Call.FIND_WITHIN: readers.find_within,
    Call.LOOKUP: readers.lookup,
    Call.FIND_EXACT: readers.find_exact,
    Call.COUNT_PAGES: readers.count_pages,
    Call.LOOK: readers.look,
    Call.RESERVE: frame.reserve,
    Call.LINK: track.link,
    Call.RESIZE: track.resize,
    Call.SWALLOW: track.swallow,
    Call.SPLIT: track.split,
    Call.DETACH: track.detach,
    Call.VALIDATE_HELD: validate.validate_held,
    Call.SEARCH_HELD: gaps.search_held,
    Call.PLACE_HELD: place.place_held,
    Call.MUNMAP_HELD: unmap.munmap_held,
    Call.MERGE_NEW: merge.merge_new,
    Call.MODIFY: modify.modify,
    Call.MMAP_HELD: map.mmap_held,
    Call.GROW: stack.grow,
    Call.POPULATE_HELD: fault.populate_held,
}

# What every call that changes something uses, and what each uses besides.
COMMON = (Call.RESERVE, Call.VALIDATE_HELD)
STEPS: Mapping[Call, tuple[Call, ...]] = {
    Call.MMAP: (Call.MMAP_HELD, Call.POPULATE_HELD),
    Call.MUNMAP: (Call.MUNMAP_HELD,),
    Call.MPROTECT: (Call.MODIFY, Call.POPULATE_HELD),
    Call.MADVISE: (Call.MODIFY,),
    Call.MLOCK: (Call.MODIFY, Call.POPULATE_HELD),
    Call.MUNLOCK: (Call.MODIFY,),
    Call.MLOCKALL: (Call.MODIFY, Call.POPULATE_HELD),
    Call.BIND: (Call.MODIFY,),
    Call.NAME: (Call.MODIFY,),
    Call.BRK: (Call.MUNMAP_HELD, Call.MERGE_NEW, Call.LINK, Call.POPULATE_HELD),
    Call.MREMAP: (Call.MUNMAP_HELD, Call.PLACE_HELD, Call.MOVE, Call.MERGE_NEW),
    Call.MOVE: (Call.MERGE_NEW, Call.LINK, Call.MUNMAP_HELD),
    Call.SHMAT: (Call.MMAP_HELD,),
    Call.SHMDT: (Call.MUNMAP_HELD,),
    Call.REMAP_PAGES: (Call.MMAP_HELD,),
    Call.MSEAL: (Call.MODIFY,),
    Call.FAULT: (Call.GROW,),
    Call.POPULATE: (Call.POPULATE_HELD,),
    Call.SPECIAL: (Call.PLACE_HELD, Call.LINK),
    Call.PLACE: (Call.MUNMAP_HELD, Call.LINK),
    Call.RECORD_STORE: (Call.LINK, Call.DETACH, Call.RESIZE, Call.SWALLOW),
    Call.RECORD_ERASE: (Call.LINK, Call.DETACH, Call.RESIZE),
    Call.EXEC: (Call.LINK,),
    Call.MOVE_STACK: (Call.RESIZE,),
    Call.SEARCH: (Call.SEARCH_HELD,),
    Call.PLACE_HELD: (Call.SEARCH_HELD,),
    Call.MUNMAP_HELD: (Call.SPLIT, Call.DETACH),
    Call.MERGE_NEW: (Call.RESIZE, Call.SWALLOW),
    Call.MODIFY: (Call.RESIZE, Call.SWALLOW, Call.SPLIT),
    Call.MMAP_HELD: (
        Call.PLACE_HELD,
        Call.MERGE_NEW,
        Call.SPLIT,
        Call.DETACH,
        Call.LINK,
        Call.MUNMAP_HELD,
    ),
    Call.SPLIT: (Call.RESIZE, Call.LINK),
    Call.GROW: (Call.RESIZE,),
}

# What the tree of an mm must offer.
VERBS = (
    Verb.LOAD,
    Verb.FIND,
    Verb.FIND_REV,
    Verb.NEXT,
    Verb.PREV,
    Verb.SCAN,
    Verb.GAP_UP,
    Verb.GAP_DOWN,
    Verb.STORE_HELD,
    Verb.BUILD_HELD,
    Verb.CLEAR_HELD,
    Verb.CHECK_HELD,
    Verb.RESERVE,
    Verb.COLLECT,
)


def with_steps(calls: Iterable[Call]) -> list[Call]:
    """Return `calls` and all steps that they use, however indirectly, in order."""
    wanted: set[Call] = set()
    waiting = list(calls)
    while waiting:
        call = waiting.pop()
        if call in wanted:
            continue
        wanted.add(call)
        waiting += STEPS.get(call, ())
        waiting += () if call.reads else COMMON
    return sorted(wanted & CALLS.keys())
