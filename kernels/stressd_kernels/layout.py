"""Where every shared word lies: one arena of uint64 words, reserved once, never moved.

    header      constants of the arena, then one line each for the words that change
    trees       TREES_MAX blocks of TREE_WORDS
    announce    SLOTS_MAX lines, one per slot: the epoch its thread has pinned, or IDLE
    mms         TREES_MAX blocks of MM_WORDS: the address space that has the tree of that number
    slots       SLOTS_MAX blocks of SLOT_WORDS: what one thread at a time owns and writes
    shortcuts   two tables of SHORTCUT_WORDS for each tree, see maple/shortcut.py
    pool        nodes, in chunks of CHUNK_WORDS that hold leaves or inner nodes

A *slot* is the seat of one thread (a worker, or one call of the Python library). All that a
thread writes often stands in its own slot, so no two threads write one line; adjacent lines
are prefetched in pairs, hence 128 bytes a line.

Only layout facts live here, each with an assertion of what it relies on. The memory is
reserved, not used: a slot or a chunk costs pages when it is touched.
"""

import numpy as np

from stressd_kernels.builds import MODEL

WORD_BYTES = 8
LINE_WORDS = 16  # 128 bytes: two cache lines, the unit of adjacent-line prefetch

# -- header ------------------------------------------------------------------------------
HEADER = 0
HEADER_MAGIC = 0
HEADER_LAYOUT = 1
HEADER_WORDS = 2  # length of the arena in words
HEADER_POISON = 3  # 1: freed nodes are filled with TRAP references and POISON values
HEADER_LEAF_STACK = 4  # word index of the free stack of leaves
HEADER_INNER_STACK = 5  # word index of the free stack of inner nodes
HEADER_BACKLOG_MAX = 6  # soft bound on limbo entries of one slot
HEADER_TRAP = 7  # reference of the permanent TRAP leaf
HEADER_POOL_END = 8  # first word past the pool
HEADER_LEAF_NEED = 9  # leaves that a slot must have to write; 2**64 - 1: let every write ask
HEADER_TRACE = 10  # whether address spaces write down events: a TRACE_* of mm/trace.py
EPOCH_GLOBAL = 1 * LINE_WORDS
ARENA_LOCK = 2 * LINE_WORDS
ARENA_NEXT = 2 * LINE_WORDS + 1  # first word of the pool that no chunk covers yet
ARENA_LEAF_FREE = 2 * LINE_WORDS + 2  # entries on the free stack of leaves
ARENA_INNER_FREE = 2 * LINE_WORDS + 3
ARENA_LEAF_NEXT = 2 * LINE_WORDS + 4  # the chunk that leaves are carved from: next and end
ARENA_LEAF_END = 2 * LINE_WORDS + 5
ARENA_INNER_NEXT = 2 * LINE_WORDS + 6
ARENA_INNER_END = 2 * LINE_WORDS + 7
ARENA_CARVED_LEAVES = 2 * LINE_WORDS + 8  # nodes carved from chunks so far
ARENA_CARVED_INNERS = 2 * LINE_WORDS + 9
ARENA_SPARED = 2 * LINE_WORDS + 10  # reservations before the first that is made to fail
FAULT = 3 * LINE_WORDS  # the seeded fault that is switched on, 0 for none
CHECKS = 5 * LINE_WORDS  # checking builds: assertions that failed, see checks.py
CONTROL = 4 * LINE_WORDS  # 0: run; 1: stop. Every wait polls it
MM_ENTRIES_AT = 40 * LINE_WORDS  # addresses of the address spaces' entries, by mm Call: 8 lines
MAGIC = 0x5354524553534431  # "STRESSD1"
LAYOUT_VERSION = 1

# -- trees -------------------------------------------------------------------------------
SPARE_NODE = 36 * LINE_WORDS  # what a write gets that takes more than it reserved (checking)
TREES = 64 * LINE_WORDS
TREES_MAX = 4096
TREE_WORDS = 8 * LINE_WORDS
TREE_ROOT = 0  # reference of the root node, or 0; it changes seldom, as all of its line
TREE_FLAGS = 1
TREE_ID = 2
TREE_SHORTCUT = 3  # word index of the table that look-ups begin with, or 0
TREE_ENTRIES_AT = 1 * LINE_WORDS  # addresses of the structure's entry points, by Verb: two lines
TREE_VERSION = 3 * LINE_WORDS  # odd while a write is being published
TREE_LOCK = 4 * LINE_WORDS
TREE_COUNT = 4 * LINE_WORDS + 1  # entries; this line is written under the lock alone
TREE_HEIGHT = 4 * LINE_WORDS + 2
TREE_LEAVES = 4 * LINE_WORDS + 3
TREE_INNERS = 4 * LINE_WORDS + 4
TREE_SHORTCUT_DEPTH = 4 * LINE_WORDS + 5  # down to which a table names nodes; 0: there is none
TREE_SHORTCUT_DUE = 4 * LINE_WORDS + 6  # version from which one is to be made, or gone on with
TREE_SHORTCUT_MADE = 4 * LINE_WORDS + 7  # tables ever opened
TREE_SHORTCUT_STAMPS = 4 * LINE_WORDS + 8  # of each of the two: when it was retired; 0: never
TREE_SHORTCUT_BELOW = 4 * LINE_WORDS + 10  # levels from the nodes that are named to the entries
TREE_SHORTCUT_WAIT = 4 * LINE_WORDS + 11  # versions from one table to the next, at least
TREE_SHORTCUT_LAST = 4 * LINE_WORDS + 12  # which of the two was opened last: 0 or 1
TREE_STATS = 5 * LINE_WORDS  # restructures by kind, see maple/pack.py
FLAG_GAPS = 1

# -- announcements -----------------------------------------------------------------------
SLOTS_MAX = 4 if MODEL else 256
ANNOUNCE = TREES + TREES_MAX * TREE_WORDS

# -- address spaces ----------------------------------------------------------------------
MMS = ANNOUNCE + SLOTS_MAX * LINE_WORDS
MM_WORDS = 4 * LINE_WORDS  # see mm/layout.py
MM_COUNT = LINE_WORDS + 3  # VMAs: each has a record, a node of the arena

# -- slots -------------------------------------------------------------------------------
SLOTS = 1 << 20
SLOT_WORDS = 1 << 21
SLOT_STOP = 0  # written by the supervisor: 1 ends this thread's slice
SLOT_BEAT = 1 * LINE_WORDS  # written by the thread: operations begun, for the watchdog
RESULT = 2 * LINE_WORDS  # results of the last entry point called
RESULT_FIRST = RESULT
RESULT_LAST = RESULT + 1
RESULT_VALUE = RESULT + 2
RESULT_VERSION = RESULT + 3  # version the answer was valid at (gap search, writes)
RESULT_TRIES = RESULT + 4  # optimistic tries beyond the first
ASK_LOW = RESULT + 8  # the question of a gap search, written down
ASK_HIGH = RESULT + 9
ASK_SIZE = RESULT + 10
ASK_MASK = RESULT + 11
ASK_OFFSET = RESULT + 12
SLOT_PRNG = 3 * LINE_WORDS
SLOT_DELAYS = SLOT_PRNG + 8  # perturbed build: this worker's generator of delays
SLOT_NODES = 4 * LINE_WORDS  # node accounting, see arena.py
SLOT_MM = 6 * LINE_WORDS  # arguments of a call that takes more than five, see mm/layout.py
SLOT_LOCK = 7 * LINE_WORDS  # how long the lock was waited for and held, see holding.py
SLOT_PATHS = 8 * LINE_WORDS  # the writer's path, see maple/walk.py
SLOT_SCRATCH = 32 * LINE_WORDS  # buffers of one restructuring write, see maple/edit.py
SLOT_LEAF_CACHE = 1 << 12
SLOT_INNER_CACHE = SLOT_LEAF_CACHE + (1 << 11)
SLOT_READY = SLOT_INNER_CACHE + (1 << 11)  # expired references on their way to the cache
CACHE_MAX = 1 << 11
READY_MAX = 1 << 11
SLOT_WORKER = 1 << 14  # from here to SLOT_LIMBO: the worker's own words, see worker blocks
SLOT_ROWS = 3 << 18  # rows of a bulk build, three words each: of a fork
ROWS_MAX = ((1 << 20) - SLOT_ROWS) // 3
SLOT_LIMBO = 1 << 20
LIMBO_MAX = 1 << 18
SLOT_STAMPS = SLOT_LIMBO + LIMBO_MAX

# -- shortcuts ---------------------------------------------------------------------------
SHORTCUTS = SLOTS + SLOTS_MAX * SLOT_WORDS
SHORTCUT_WORDS = 1 << 13
SHORTCUT_BELOW = 64 if MODEL else 3  # TREE_SHORTCUT_BELOW of a new tree; 64: none is made
SHORTCUT_WAIT = 128  # TREE_SHORTCUT_WAIT of a new tree

# -- pool --------------------------------------------------------------------------------
POOL = SHORTCUTS + 2 * TREES_MAX * SHORTCUT_WORDS
CHUNK_WORDS = 1 << 18  # 2 MiB: one huge page
NODE_SLOTS = 4 if MODEL else 16  # ranges side by side in one node
LEAF_WORDS = 32
INNER_WORDS = 48  # a leaf's shape, then one line of gaps
CHAIN_NEXT = 22  # word of a record: the next of a chain that was retired as one (refs.CHAIN_BIT)
ARENA_WORDS_MAX = 1 << 32  # a word index is half a word (refs.py)
NODE_WORDS_MAX = 3 << 30  # 24 GiB of nodes; the rest is for what stands around them

assert SPARE_NODE + INNER_WORDS <= MM_ENTRIES_AT
assert MM_ENTRIES_AT + 8 * LINE_WORDS <= TREES
assert MMS + TREES_MAX * MM_WORDS <= SLOTS, "address spaces run into the slots"
assert SLOT_READY + READY_MAX <= SLOT_WORKER < SLOT_LIMBO
assert SLOT_STAMPS + LIMBO_MAX <= SLOT_WORDS, "the limbo does not fit its slot"
assert POOL % CHUNK_WORDS == 0, "chunks must be huge-page aligned"
assert POOL + NODE_WORDS_MAX + NODE_WORDS_MAX // 16 < ARENA_WORDS_MAX, "no room for the free stacks"
assert LEAF_WORDS % 16 == 0, "a reference keeps four bits of the index for flags"
assert INNER_WORDS % 16 == 0

# uint64 constants: a bare int beside a uint64 would make numba compute in int64
U0 = np.uint64(0)
U1 = np.uint64(1)
U2 = np.uint64(2)
UMAX = np.uint64(0xFFFFFFFFFFFFFFFF)
