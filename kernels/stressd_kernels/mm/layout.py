"""Where the words of one address space (mm) lie, counted from its block.

    line 0   what readers look at; changes when the mm begins or ends, and when a VMA goes
    line 1   its VMAs: written under the lock alone
    line 2   limits and places: written before the mm begins, or under the lock
    line 3   validation: what was compared, and the first thing that was found wrong

The lock is that of the mm's maple tree. "Bytes" and "pages" are said at each word.
"""

from stressd_kernels.layout import (
    LINE_WORDS,
    MM_COUNT,
    MM_WORDS,
    RESULT_FIRST,
    RESULT_LAST,
    SLOT_MM,
)

# -- line 0: read by anyone ----------------------------------------------------------------
MM_TREE = 0  # word index of the block of its maple tree
MM_STATE = 1  # MM_NONE, MM_ALIVE or MM_DYING
MM_ID = 2  # identity: grows by TREES_MAX each time the block is used for another address space
MM_STAGE = 3  # STAGE_* bits: which structures it has beside the maple tree
MM_SEQUENCE = 4  # grows whenever a record leaves the tree: lookup caches of before are void

# -- line 1: under the lock ----------------------------------------------------------------
MM_RB_ROOT = LINE_WORDS  # record, or 0
MM_LIST_FIRST = LINE_WORDS + 1
MM_LIST_LAST = LINE_WORDS + 2
assert MM_COUNT == LINE_WORDS + 3  # VMAs (map_count), as in layout.py
MM_TOTAL = LINE_WORDS + 4  # pages of all VMAs (total_vm)
MM_DATA = LINE_WORDS + 5  # pages of private writable VMAs that are no stack (data_vm)
MM_LOCKED = LINE_WORDS + 6  # pages of VMAs with VM_LOCKED (locked_vm)
MM_BRK = LINE_WORDS + 7  # address
MM_DEF_FLAGS = LINE_WORDS + 8  # VM_* of every mapping to come
MM_NUMBERS = LINE_WORDS + 9  # identities given out so far, see words.identity
MM_EVENTS = LINE_WORDS + 10  # trace events so far: their order (mm/trace.py)

# -- line 2: limits and places ---------------------------------------------------------------
MM_MMAP_BASE = 2 * LINE_WORDS  # address: top-down searches end here
MM_LEGACY_BASE = 2 * LINE_WORDS + 1  # address: bottom-up searches begin here
MM_TOPDOWN = 2 * LINE_WORDS + 2  # 1 or 0
MM_START_BRK = 2 * LINE_WORDS + 3  # address
MM_HUGE_PAGES = 2 * LINE_WORDS + 4  # HUGE_NEVER, HUGE_MADVISE or HUGE_ALWAYS
MM_COUNT_MAX = 2 * LINE_WORDS + 5  # VMAs (vm.max_map_count)
MM_SPACE_MAX = 2 * LINE_WORDS + 6  # bytes (RLIMIT_AS)
MM_DATA_MAX = 2 * LINE_WORDS + 7  # bytes (RLIMIT_DATA)
MM_STACK_MAX = 2 * LINE_WORDS + 8  # bytes (RLIMIT_STACK)
MM_LOCKED_MAX = 2 * LINE_WORDS + 9  # bytes (RLIMIT_MEMLOCK)
MM_MEMORY = 2 * LINE_WORDS + 10  # bytes of RAM and swap: no single request for more is believed
MM_MIN_ADDR = 2 * LINE_WORDS + 11  # address (vm.mmap_min_addr)

# -- line 3: validation ----------------------------------------------------------------------
MM_VALIDATE = 3 * LINE_WORDS  # 0 off; 1 around each call (inline); n: after every n-th call
MM_CALLS = 3 * LINE_WORDS + 1  # calls that changed it, or might have
MM_VALIDATED = 3 * LINE_WORDS + 2  # validations done
MM_COMPARED = 3 * LINE_WORDS + 3  # gap searches asked of two structures
MM_FINDING = 3 * LINE_WORDS + 4  # FINDING_* of finding.py; 0: none. The details follow
MM_DETAILS = 3 * LINE_WORDS + 5
MM_DETAILS_WORDS = 11

assert MM_DETAILS + MM_DETAILS_WORDS == MM_WORDS

MM_NONE = 0  # no address space: the block is free, its tree is empty
MM_ALIVE = 1
MM_DYING = 2

STAGE_RBTREE = 1
STAGE_LIST = 2
STAGE_CACHE = 4
STAGES = {
    "all": STAGE_RBTREE | STAGE_LIST | STAGE_CACHE,
    "no-rbtree": STAGE_LIST | STAGE_CACHE,
    "no-list": STAGE_CACHE,
    "no-cache": 0,
}

HUGE_NEVER = 0
HUGE_MADVISE = 1
HUGE_ALWAYS = 2

# -- a slot's words for calls ------------------------------------------------------------------
MM_OFFSET = SLOT_MM  # sixth argument of mmap (bytes) and of whatever else takes six
MM_PART = SLOT_MM + 1  # private record: what a range is to become (merge.py)
MM_FOUND = SLOT_MM + 2  # the record that an internal call answered with, or 0
MM_RETIRED = SLOT_MM + 3  # nodes that this slot had retired when its call began
MM_SPARE = SLOT_MM + 4  # for one file at a time, dead when its entry returns
MM_SPARE_WORDS = 4  # the lookup cache follows (cache.py)
ANSWER = RESULT_FIRST  # what a call answered: an address, a count
ANSWER_MORE = RESULT_LAST
