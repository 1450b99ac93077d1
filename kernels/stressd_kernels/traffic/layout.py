"""Where a worker's words for made-up memory calls lie, and what stands in the tables.

    spaces   one line for each seat: the block of an address space, and whether one sits there
    tables   TABLE_ROWS of TABLE_WORDS: what to draw, each as often in its row as it is wanted;
             then what the kinds of mappings mean

Both are written before the workers begin, but for SPACE_TAKEN and the words of the line ahead of
the seats, which change under its lock.
"""

import numpy as np

from stressd_kernels.layout import LINE_WORDS, MM_WORDS, MMS, TREE_ID
from stressd_kernels.worker import SOURCE_OWN, SOURCE_OWN_WORDS

# -- parameters, written at the start --------------------------------------------------------
SPACES = SOURCE_OWN  # word index of the line ahead of the seats
TABLES = SOURCE_OWN + 1  # word index of the tables
VMAS = SOURCE_OWN + 2  # mappings of one address space beyond which it is made smaller
LEAST = SOURCE_OWN + 3  # address spaces that must be left

# -- private: what was drawn -----------------------------------------------------------------
CHOSEN = SOURCE_OWN + 4  # word index of the seat's line
CHOSEN_MM = SOURCE_OWN + 5  # word index of the address space's block
ID_BEFORE = SOURCE_OWN + 6  # MM_ID of it, read before anything else was
FIFTH = SOURCE_OWN + 7  # the fifth argument of a call
SIXTH = SOURCE_OWN + 8
PICK_START = SOURCE_OWN + 9  # a mapping that was there, copied
PICK_END = SOURCE_OWN + 10
PICK_FLAGS = SOURCE_OWN + 11
PICK_FILE = SOURCE_OWN + 12
PICK_PGOFF = SOURCE_OWN + 13
PICK_REACH = SOURCE_OWN + 14  # where the last of some mappings after it ends
SEGMENT = SOURCE_OWN + 15  # where this worker attached a segment last, and in which block
SEGMENT_MM = SOURCE_OWN + 16

# -- the line ahead of the seats ---------------------------------------------------------------
SEATS_LOCK = 0
SEATS_LIVING = 1  # address spaces that live and are not about to end

# -- a seat ------------------------------------------------------------------------------------
SPACE_WORDS = LINE_WORDS
SPACE_MM = 0  # word index of its block
SPACE_TAKEN = 1  # 1: an address space is, or is about to be, in the block

# -- tables ------------------------------------------------------------------------------------
TABLE_WORDS = 256
ROW_KIND = 0  # kinds of mappings, below
ROW_PLACE = 1
ROW_LENGTH = 2
ROW_PROT = 3
ROW_FILE = 4  # words of files
ROW_ADVICE = 5
TABLE_ROWS = 6
MEANINGS = TABLE_ROWS * TABLE_WORDS  # MAP_* flags of each kind; bit WITH_FILE: of a file
MEANINGS_MAX = 16
VDSO = MEANINGS + MEANINGS_MAX  # the word of the file of special mappings
TABLES_WORDS = VDSO + 1

KINDS = (
    "anonymous",
    "file",
    "shared_file",
    "shared",
    "noreserve",
    "stack",
    "grows_down",
    "locked",
    "populate",
    "hugetlb",
)
PLACES = ("anywhere", "hint", "fixed", "noreplace")
LENGTHS = ("small", "medium", "large", "huge")
WITH_FILE = np.uint64(1 << 63)

assert SEGMENT_MM < SOURCE_OWN + SOURCE_OWN_WORDS
assert len(KINDS) <= MEANINGS_MAX
assert MMS % LINE_WORDS == 0
assert MM_WORDS % LINE_WORDS == 0
assert TREE_ID < LINE_WORDS
