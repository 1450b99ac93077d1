"""References: how one node names another, and what a reader must know before it looks.

    63        62 61 .. 40     39 .. 32  31 .. 4                     3 2      1        0
    always 1  -  generation   -         word index of the node      - CHAIN  SUBTREE  LEAF

Bit 63 keeps references apart from values (1 .. 2**63 - 1). The node index is a multiple of 16,
so the low bits are free. LEAF tells how to read the node before it is touched. The low half is
all that a look-up needs which compares no generations: it loads that half alone (`load_ref`), in
which nothing need be masked, for what is not the index is known where it is used. Two are set only
in limbo: SUBTREE says that everything below is retired with it, CHAIN that the record which this
one names in its word CHAIN_NEXT is, and so on. The generation is that of word 0 of the node when
the reference was made: it grows each time the node is freed, so a reader of the checking build
that meets another one has caught a use after free.
"""

import numpy as np

from stressd_kernels.door import CHECKING, kernel_inline
from stressd_kernels.layout import ARENA_WORDS_MAX

REF_BIT = np.uint64(1 << 63)
LEAF_BIT = np.uint64(1)
SUBTREE_BIT = np.uint64(2)
CHAIN_BIT = np.uint64(4)
NODE_MASK = np.uint64((ARENA_WORDS_MAX - 1) & ~15)
GENERATION_ONE = np.uint64(1 << 40)
GENERATION_MASK = np.uint64(((1 << 22) - 1) << 40)
NO_REF = np.uint64(0)

assert int(NODE_MASK) < 1 << 32, "the node index does not fit the half that look-ups load"
assert int(NODE_MASK) < int(GENERATION_ONE), "the node index runs into the generation"


@kernel_inline
def inner_at(ref):
    """Return the word index of the inner node that `ref`, as load_ref gave it, names.

    A masked index would be one instruction more at each level: 5 to 10 % of a look-up.
    """
    return np.int64(ref & NODE_MASK) if CHECKING else np.int64(ref)


@kernel_inline
def leaf_at(ref):
    """Return the word index of the leaf that `ref`, as load_ref gave it, names."""
    return np.int64(ref & NODE_MASK) if CHECKING else np.int64(ref - LEAF_BIT)
