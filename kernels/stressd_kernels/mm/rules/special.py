"""Special mappings: what the kernel puts into an address space for itself, as the vdso.

Never merged (VM_DONTEXPAND), never split (FILE_SPECIAL), never locked; no limit counts, but they
count towards all. They go where a new mapping would, or where they are told: ENOMEM if that is
not free.

Source: FEATURES.md 1, S37; __install_special_mapping of Linux; tests/mm/spec/process.py.
"""

from stressd_kernels.door import entry, kernel, words_at
from stressd_kernels.layout import U0
from stressd_kernels.lock import OK
from stressd_kernels.mm.calls import Call, mm_call
from stressd_kernels.mm.frame import mm_begin, mm_end
from stressd_kernels.mm.layout import ANSWER, MM_DEF_FLAGS, MM_ID
from stressd_kernels.mm.lookup import find_within
from stressd_kernels.mm.track import track_link
from stressd_kernels.mm.words import (
    EINVAL,
    ENOMEM,
    FILE_SPECIAL,
    MAP_PRIVATE,
    PAGE_MASK,
    TASK_SIZE,
    VM_DONTEXPAND,
    VM_LOCKED_MASK,
    identity,
    page_up,
)
from stressd_kernels.records import (
    NO_RECORD,
    VMA_END,
    VMA_FILE,
    VMA_FLAGS,
    VMA_ID,
    VMA_MM,
    VMA_START,
    vma_take,
)

PLACE_HELD = int(Call.PLACE_HELD)


@kernel
def special_place(words, mm, slot, address, length):
    """Return (OK, where it goes), or (an error, anything)."""
    if address == U0:
        status = mm_call(words, PLACE_HELD, mm, slot, U0, length, MAP_PRIVATE, U0, U0)
        return status, words[slot + ANSWER]
    if find_within(words, mm, slot, address, address + length) != NO_RECORD:
        return ENOMEM, address
    return OK, address


@kernel
def special_link(words, mm, slot, place, flags, file):
    """Let there be a special VMA.

    place  (start, length)
    """
    start, length = place
    vma = vma_take(words, slot)
    words[vma + VMA_START] = start
    words[vma + VMA_END] = start + length
    words[vma + VMA_FLAGS] = (flags | words[mm + MM_DEF_FLAGS] | VM_DONTEXPAND) & ~VM_LOCKED_MASK
    words[vma + VMA_FILE] = file | FILE_SPECIAL
    words[vma + VMA_MM] = words[mm + MM_ID]
    words[vma + VMA_ID] = identity(words, mm)
    track_link(words, mm, slot, vma)


@entry
def special(base, mm, slot, a, b, c, d, e):
    """SPECIAL: install a mapping of b bytes at address a (0: anywhere), with flags c and file d.

    EINVAL off a page or if empty, ENOMEM if there is no place. The answer is where.
    """
    words = words_at(base)
    length = page_up(b)
    if a & PAGE_MASK != U0 or length == U0:
        return EINVAL
    if length > TASK_SIZE or a > TASK_SIZE - length:
        return ENOMEM
    status = mm_begin(words, mm, slot)
    if status != OK:
        return status
    status, start = special_place(words, mm, slot, a, length)
    if status == OK:
        special_link(words, mm, slot, (start, length), c, d)
        words[slot + ANSWER] = start
    return mm_end(words, mm, slot, status)
