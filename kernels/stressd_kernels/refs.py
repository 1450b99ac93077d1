"""References: how one node names another, and what a reader must know before it looks.

    63        62 61 .. 40     39 .. 34  33 .. 4                     3 2      1        0
    always 1  -  generation   -         word index of the node      - CHAIN  SUBTREE  LEAF

Bit 63 keeps references apart from values (1 .. 2**63 - 1). The node index is a multiple of 16,
so the low bits are free. LEAF tells how to read the node before it is touched. Two are set only
in limbo: SUBTREE says that everything below is retired with it, CHAIN that the record which this
one names in its word CHAIN_NEXT is, and so on. The generation is that of word 0 of the node when
the reference was made: it grows each time the node is freed, so a reader of the checking build
that meets another one has caught a use after free.
"""

import numpy as np

from stressd_kernels.layout import ARENA_WORDS_MAX

REF_BIT = np.uint64(1 << 63)
LEAF_BIT = np.uint64(1)
SUBTREE_BIT = np.uint64(2)
CHAIN_BIT = np.uint64(4)
NODE_MASK = np.uint64((ARENA_WORDS_MAX * 2 - 1) & ~15)
GENERATION_ONE = np.uint64(1 << 40)
GENERATION_MASK = np.uint64(((1 << 22) - 1) << 40)
NO_REF = np.uint64(0)

assert int(NODE_MASK) < int(GENERATION_ONE), "the node index runs into the generation"
