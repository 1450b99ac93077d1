"""What a new program has mapped before it begins: its own segments, and some libraries.

As execve and the dynamic loader do it, call by call: each file in four parts with the protections
of a linker, the first of them where there is room for all.
"""

import numpy as np

from stressd_kernels.door import kernel, load_relaxed, store_relaxed
from stressd_kernels.layout import U0, U1
from stressd_kernels.lock import OK
from stressd_kernels.mm.calls import Call
from stressd_kernels.mm.layout import ANSWER
from stressd_kernels.mm.words import PAGE_SHIFT
from stressd_kernels.prng import prng_below
from stressd_kernels.traffic.asking import call_make
from stressd_kernels.traffic.draws import arguments, table_draw
from stressd_kernels.traffic.layout import FIFTH, ROW_FILE, SIXTH

MMAP = int(Call.MMAP)
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
    return status
