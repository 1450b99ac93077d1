"""Where the words of one worker lie, counted from its slot.

A worker is a thread with a slot, and everything it needs to draw, run, time, count and judge
an operation stands in that slot: nothing is looked up anywhere else, nobody else writes it.

    mix         alias table: which operation comes next                  written at start
    timing      which clock, its scale; the stamp of the operation now timed      private
    keys        how keys are drawn (uniform, zipfian)                    written at start
    source      addresses of the source's entries, and its parameters    written at start
    published   how many writes this worker has begun             read by every judge (K1)
    judged      what the oracles saw                               read by the supervisor
    ops         one line per operation: address, counters               "
    known       the last `published` seen of every writer                         private
    tally       what happened to VMAs                              read by the supervisor
    findings    the first FINDINGS_MAX forbidden observations      read by the supervisor
    entries     what a scan returns                                               private
    histograms  one per operation, two of the lock                 read by the supervisor
    ring        header and records; backed by a file (ring.py)     outlives the process
    trace       events of address spaces (mm/trace.py)             taken by the trace's reader

What the operation now running was asked stands in the first line of the ring's header, so a
crash leaves behind what each thread was doing, at no cost beyond writing the arguments down.
"""

from stressd_kernels.builds import MODEL
from stressd_kernels.histogram import BUCKETS
from stressd_kernels.layout import LINE_WORDS, SLOT_ROWS, SLOT_WORKER, SLOTS_MAX, WORD_BYTES

# -- mix ---------------------------------------------------------------------------------
OPS_MAX = 32
MIX_COLUMNS = OPS_MAX
MIX_THRESHOLDS = SLOT_WORKER
MIX_ALIASES = MIX_THRESHOLDS + MIX_COLUMNS

# -- timing ------------------------------------------------------------------------------
TIMING = MIX_ALIASES + MIX_COLUMNS
TIMING_CLOCK = TIMING  # a CLOCK_* of clock.py
TIMING_SCALE = TIMING + 1  # nanoseconds of one tick, in 1/2**20
TIMING_EVERY = TIMING + 2  # 1: time every operation; 0: one of each block
TIMING_ON = TIMING + 3  # 1 while the operation now running is timed
TIMING_TICKS = TIMING + 4  # what it took so far
BLOCK_PINNED = TIMING + 5  # 1 while this worker's epoch is announced
BLOCK_DEADLINE = TIMING + 6  # stamp at which the slice is over
RING_SEQUENCE = TIMING + 7  # records written to the ring so far
LOCK_WAITS_SUM = TIMING + 8  # nanoseconds, of the writes that were timed
LOCK_HOLDS_SUM = TIMING + 9

# -- keys --------------------------------------------------------------------------------
KEYS = TIMING + LINE_WORDS
KEYS_KIND = KEYS  # a KEYS_* of keys.py
KEYS_COUNT = KEYS + 1  # places to choose from
KEYS_STRIDE = KEYS + 2  # spreads ranks over places; has no factor in common with KEYS_COUNT
KEYS_ZETA = KEYS + 3  # this and the next three: bits of a float64
KEYS_ETA = KEYS + 4
KEYS_ALPHA = KEYS + 5
KEYS_SECOND = KEYS + 6  # zeta of the first two ranks

# -- source ------------------------------------------------------------------------------
SOURCE = KEYS + LINE_WORDS
SOURCE_DRAW = SOURCE  # addresses of the source's two entries
SOURCE_CERTIFY = SOURCE + 1
SOURCE_WRITER = SOURCE + 2  # this worker's number among the writers; 0 is the initial content
SOURCE_WRITERS = SOURCE + 3  # writers there are, the initial content included
SOURCE_PUBLISHED = SOURCE + 4  # word index of writer 0's PUBLISHED word, and the distance
SOURCE_STRIDE = SOURCE + 5  # to the next writer's
SOURCE_TREE = SOURCE + 6  # the tree, where there is one
SOURCE_OWN = SOURCE + 8  # from here: parameters of the kind of source
SOURCE_OWN_WORDS = 2 * LINE_WORDS - 8

# -- published ---------------------------------------------------------------------------
PUBLISHED = SOURCE + 2 * LINE_WORDS  # alone on its line: all judges read it

# -- judged ------------------------------------------------------------------------------
ORACLES_MAX = 8
JUDGED = PUBLISHED + LINE_WORDS
JUDGED_WORDS = 4  # by grade (0 ok, 1 interesting, 2 forbidden), then: could not be judged

# -- operations, one line each -------------------------------------------------------------
OPS = JUDGED + ORACLES_MAX * JUDGED_WORDS
OP_WORDS = LINE_WORDS
OP_ADDRESS = 0
OP_PINNED = 1  # 1: called inside a pin
OP_OUTCOMES = 2  # four counters, by OUTCOME_* of counters.py
OP_RETRIES = 6  # three counters, by RETRY_* of counters.py
OP_TIMED_SUM = 9  # nanoseconds
OP_TIMED_MAX = 10

# -- known -------------------------------------------------------------------------------
KNOWN = OPS + OPS_MAX * OP_WORDS
# what was known of the drawn writer before the operation
KNOWN_AT_DRAW = KNOWN + max(SLOTS_MAX, LINE_WORDS)

# -- tally -------------------------------------------------------------------------------
TALLY = KNOWN_AT_DRAW + LINE_WORDS  # what happened to VMAs, see mm/tally.py
TALLY_WORDS = LINE_WORDS

# -- findings ----------------------------------------------------------------------------
FINDINGS = TALLY + LINE_WORDS  # word 0: how many there were, recorded or not
FINDINGS_MAX = 32
FINDING_WORDS = LINE_WORDS
FINDING_ORACLE = 0
FINDING_FAULT = 1  # a FAULT_* of judge.py: what is wrong with it
FINDING_VERSION = 2
FINDING_NOW = 3  # what was asked: a copy of the words from NOW on
FINDING_ANSWER = 10  # what was answered: first, last, value

# -- entries -----------------------------------------------------------------------------
ENTRY_WORDS = 3  # first, last, value
ENTRIES_MAX = 256
ENTRIES = FINDINGS + LINE_WORDS + FINDINGS_MAX * FINDING_WORDS

# -- histograms --------------------------------------------------------------------------
HISTOGRAMS = SLOT_WORKER + (1 << 13)
LOCK_WAITS = HISTOGRAMS + OPS_MAX * BUCKETS  # how long the writer lock was waited for
LOCK_HOLDS = LOCK_WAITS + BUCKETS  # and held

# -- ring --------------------------------------------------------------------------------
RING_HEADER_WORDS = 1 << 13  # 64 KiB: the largest page there is, so that a file can lie here
RING = SLOT_WORKER + (1 << 17)
RING_RECORDS = RING + RING_HEADER_WORDS
RING_CAPACITY = 2 if MODEL else 1 << 12  # records
RECORD_WORDS = 8
RING_WORDS = RING_HEADER_WORDS + RING_CAPACITY * RECORD_WORDS

# -- now: the operation that is running, in the first line of the ring's header ----------------
NOW = RING
NOW_OP = NOW  # its number in the catalog, plus one; 0 between slices
NOW_TREE = NOW + 1
NOW_FIRST = NOW + 2  # the key, range or window that it asks for
NOW_LAST = NOW + 3
NOW_SIZE = NOW + 4  # of a gap
NOW_VALUE = NOW + 4  # to be stored
NOW_MASK = NOW + 5
NOW_OFFSET = NOW + 6
NOW_WORDS = 7
RING_MARK = RING + LINE_WORDS  # from here: written once, by ring.py

# -- trace events -------------------------------------------------------------------------
TRACE = RING + RING_WORDS
TRACE_TAIL = TRACE  # records written so far; this line is the writer's
TRACE_LOST = TRACE + 1  # events that found no room
TRACE_WAITS = TRACE + 2  # calls that were told to wait for room
TRACE_ACTOR = TRACE + 3  # MM_ID, or process, in whose name the call is made
TRACE_SAID = TRACE + 4  # the last actor that a record names
TRACE_NAMED = TRACE + 5  # the process in whose name calls are made; 0: the mm's own
TRACE_ASK = TRACE + 8  # what a gap search asks: low, high, length, mask, offset
TRACE_HEAD = TRACE + LINE_WORDS  # records taken so far; this line is the reader's
TRACE_RECORDS = TRACE + 2 * LINE_WORDS
TRACE_CAPACITY = 4 if MODEL else 1 << 16  # records
EVENT_WORDS = 6

assert TIMING + LINE_WORDS == KEYS
assert LOCK_HOLDS_SUM < KEYS
assert KEYS_SECOND < SOURCE
assert SOURCE_OWN + SOURCE_OWN_WORDS == PUBLISHED
assert PUBLISHED % LINE_WORDS == 0
assert JUDGED - PUBLISHED == LINE_WORDS
assert OPS % LINE_WORDS == 0
assert OP_TIMED_MAX < OP_WORDS
assert FINDINGS % LINE_WORDS == 0
assert FINDING_NOW + NOW_WORDS == FINDING_ANSWER
assert FINDING_ANSWER + ENTRY_WORDS <= FINDING_WORDS
assert ENTRIES + ENTRIES_MAX * ENTRY_WORDS <= HISTOGRAMS
assert LOCK_HOLDS + BUCKETS <= RING
assert RING * WORD_BYTES % (1 << 16) == 0, "a file is mapped over the ring: whole pages"
assert MODEL or RING_WORDS * WORD_BYTES % (1 << 16) == 0
assert TRACE % LINE_WORDS == 0
assert TRACE_RECORDS + TRACE_CAPACITY * EVENT_WORDS <= SLOT_ROWS, "words run into the rows"
assert TRACE_CAPACITY & (TRACE_CAPACITY - 1) == 0
assert RING_CAPACITY & (RING_CAPACITY - 1) == 0
