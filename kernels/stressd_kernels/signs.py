"""Comparing sixteen words without mask registers, for searches that overlap with others.

A vector comparison of AVX-512 writes a mask register, two for sixteen words, and joining them
takes a third; a core renames some fifty. With one comparison at each of six levels no more than
three look-ups overlap, however short they are: 24 more mask instructions a look-up doubled its
time, 24 others cost a tenth. Here bit 63 of a difference, borrows included, is worked out in
vector registers, and one permutation gathers the bytes that hold it. The answer comes 1 ns
later, but a look-up among 1e6 entries takes 58 ns instead of 80.

That needs AVX-512 with permutations of bytes (VBMI); elsewhere a comparison is what LLVM makes
of it. These functions write LLVM code for lanes.py.
"""

from typing import Any

import llvmlite.binding
from llvmlite import ir
from numba import config
from numba.core import cgutils

from stressd_kernels.builds import MODEL
from stressd_kernels.door_native import I8, I32, I64, X86

LANES = 16
HALF = ir.VectorType(I64, LANES // 2)
HALVES = (list(range(8)), list(range(8, 16)))
TOP_BYTES = [8 * lane + 7 for lane in range(LANES)]

BORROWS = 0xB2  # truth table of one bit of (a - b, a, b): whether the subtraction borrows there


def compiled_for(feature: str) -> bool:
    """Say whether kernels are compiled for a processor with this feature of x86."""
    features = config.CPU_FEATURES
    if features is None:
        features = llvmlite.binding.get_host_cpu_features().flatten()
    return X86 and f"+{feature}" in features.split(",")


PERMUTES = compiled_for("avx512vbmi")  # bytes of vectors can be permuted
COMPRESSES = compiled_for("avx512f") and not MODEL  # words under a mask can be moved together


def pick(builder: Any, first: Any, second: Any, lanes: list[int]) -> Any:
    """Return the vector of these lanes of two vectors, one after the other."""
    return builder.shuffle_vector(first, second, ir.Constant(ir.VectorType(I32, len(lanes)), lanes))


def below(builder: Any, first: Any, second: Any) -> Any:
    """Return sixteen words, bit 63 of which says whether the first is below the second there."""
    shape = ir.FunctionType(HALF, [HALF, HALF, HALF, I32])
    name = "llvm.x86.avx512.pternlog.q.512"
    choose = cgutils.get_or_insert_function(builder.module, shape, name)
    halves = []
    for lanes in HALVES:
        a, b = (pick(builder, vector, vector, lanes) for vector in (first, second))
        halves.append(builder.call(choose, [builder.sub(a, b), a, b, ir.Constant(I32, BORROWS)]))
    return pick(builder, *halves, list(range(LANES)))


def gathered(builder: Any, words: Any) -> Any:
    """Return the bits 63 of sixteen words as the bits of one."""
    octets = builder.bitcast(words, ir.VectorType(I8, 8 * LANES))
    top = pick(builder, octets, octets, TOP_BYTES)
    shape = ir.FunctionType(I32, [top.type])
    name = "llvm.x86.sse2.pmovmskb.128"
    gather = cgutils.get_or_insert_function(builder.module, shape, name)
    return builder.zext(builder.call(gather, [top]), I64)
