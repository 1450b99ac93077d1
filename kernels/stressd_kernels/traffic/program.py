"""What a new program has mapped before it begins: its own segments, and some libraries.

As execve and the dynamic loader do it, call by call: each file in four parts with the protections
of a linker, the first of them where there is room for all; then the vdso.
"""

import numpy as np

from stressd_kernels.door import kernel, load_relaxed, store_relaxed
from stressd_kernels.layout import U0, U1
from stressd_kernels.lock import OK, STATUS_BROKEN
from stressd_kernels.mm.calls import Call
from stressd_kernels.mm.layout import ANSWER
from stressd_kernels.mm.words import PAGE_SHIFT, VM_EXEC, VM_MAY_ACCESS, VM_READ
from stressd_kernels.prng import prng_below
from stressd_kernels.traffic.asking import call_make
from stressd_kernels.traffic.draws import arguments, table_draw
from stressd_kernels.traffic.layout import FIFTH, ROW_FILE, SIXTH, TABLES, VDSO

MMAP = int(Call.MMAP)
SPECIAL = int(Call.SPECIAL)
VDSO_PAGES = np.uint64(4)
VDSO_FLAGS = VM_READ | VM_EXEC | VM_MAY_ACCESS
LIBRARIES = 4
SEGMENT_PAGES = np.uint64(24)
PROTS = (np.uint64(1), np.uint64(5), np.uint64(1), np.uint64(3))  # R, RX, R, RW
PRIVATE = np.uint64(0x2)
PRIVATE_FIXED = np.uint64(0x12)


@kernel
def file_load(words, slot, mm, file):
    """Map a file in four parts; return a Status."""
    pages = SEGMENT_PAGES + prng_below(words, slot, SEGMENT_PAGES)
    arguments(words, slot, U0, pages << PAGE_SHIFT, PROTS[0], PRIVATE)
    store_relaxed(words, slot + FIFTH, file)
    status = call_make(words, MMAP, mm, slot)
    base = load_relaxed(words, slot + ANSWER)
    page = U0
    for prot in PROTS[1:]:
        page += U1 + prng_below(words, slot, pages >> U1)
        if status != OK or page >= pages:
            break
        length = (pages - page) << PAGE_SHIFT
        arguments(words, slot, base + (page << PAGE_SHIFT), length, prot, PRIVATE_FIXED)
        store_relaxed(words, slot + FIFTH, file)
        store_relaxed(words, slot + SIXTH, page << PAGE_SHIFT)
        status = call_make(words, MMAP, mm, slot)
    return status


@kernel
def program_load(words, slot, mm):
    """Map a program and its libraries into `mm`; return the Status of what went wrong, or OK."""
    status = OK
    for _ in range(LIBRARIES):
        status = file_load(words, slot, mm, table_draw(words, slot, ROW_FILE))
        if status == STATUS_BROKEN:
            return status
    tables = np.int64(load_relaxed(words, slot + TABLES))
    length = (U1 + prng_below(words, slot, VDSO_PAGES)) << PAGE_SHIFT
    vdso = load_relaxed(words, tables + VDSO)
    arguments(words, slot, U0, length, VDSO_FLAGS, vdso)
    return max(status, call_make(words, SPECIAL, mm, slot))
