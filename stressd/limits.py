"""Limits: how much of anything one run may have, each with its reason.

Choices belong to the configuration, layout facts to the kernels' `layout.py`. What stands here
is neither: a bound that keeps memory, output or waiting finite. Sizes are bytes and times are
nanoseconds unless the name says otherwise.
"""

from __future__ import annotations

MS = 1_000_000
SECOND = 1000 * MS
HOUR = 3600 * SECOND
MIB = 1 << 20
GIB = 1 << 30

# -- a configuration file ----------------------------------------------------------------
CONFIG_BYTES_MAX = 256 * 1024  # a hundred times any sensible file, and still parsed at once
CONFIG_DEPTH_MAX = 16  # the model nests 5 deep; more is a mistake or an attack on the stack
CONFIG_NODES_MAX = 10_000  # values after aliases are followed: stops the billion laughs
PROBLEMS_MAX = 50  # problems printed of one file; nobody reads more before fixing some

# -- a run -------------------------------------------------------------------------------
NAME_MAX = 64  # characters: names become metric labels and parts of folder names
DURATION_MIN = 1 * MS  # less is over before the workers have begun
DURATION_MAX = 366 * 24 * HOUR  # counters of nanoseconds stay far from 2^64
OPERATIONS_MAX = 1 << 53  # whole in JSON, and years of work
SEED_MAX = (1 << 64) - 1  # the generators take one word
SLICE_MIN = 5 * MS  # below, entering and leaving the kernel shows in the figures
SLICE_MAX = 50 * MS  # a slice is the latency of stop, and stop is promised within a second
SAMPLE_MIN = 100 * MS  # a sample sums every histogram of every worker
SAMPLE_MAX = 60 * SECOND  # rates and the live table must not be older than a minute
STALL_MIN = 1 * SECOND  # a busy host may keep a worker off its core for most of a second
STALL_MAX = 1 * HOUR  # a watchdog that sleeps longer watches nothing
CHECK_MIN = 100 * MS  # structural checks hold the writer lock; more often they are the load
CHECK_MAX = 24 * HOUR  # rarer than once a day is as good as only at the end, which is 0

# -- trees and where their entries come from ----------------------------------------------
ARENA_MIN = 16 * MIB  # a few chunks for each of a handful of workers
ARENA_MAX = 24 * GIB  # what the kernels' layout reserves room for
KEY_SPACE = 1 << 64  # keys are one word
ENTRIES_MAX = 16_000_000  # cells; at some 45 bytes an entry they fit the default arena
CELL_MIN = 16  # keys of one cell: a store inside a cell needs room to begin and end anywhere
PID_MAX = 1 << 22  # Linux's own limit (PID_MAX_LIMIT)
RECORDINGS_MAX = 64  # all of them are held in memory

# -- address spaces ----------------------------------------------------------------------
PAGE = 4096  # of the machine that is modelled
SPACES_MAX = 1024  # of 4096 trees of the arena
MAP_COUNT_MIN = 32  # what is there at the start, and room for a call that splits
MAP_COUNT_MAX = 1_000_000  # some hundred bytes each, several structures
VALIDATION_MAX = 1_000_000  # calls between two validations: rarer is as good as off

# -- traces ------------------------------------------------------------------------------
TRACE_FILE_MIN = MIB  # some thousand events; below, what a compressor holds back would count
TRACE_FILE_MAX = 1024 * GIB  # more than anybody reads again

# -- workers -----------------------------------------------------------------------------
WORKLOADS_MAX = 64  # each is a label value of every hot metric
THREADS_MAX = 64  # of one workload
THREADS_TOTAL_MAX = 192  # 256 slots of the arena, less those of the supervisor and the library
WEIGHT_MAX = 1_000_000  # an operation rarer than one in a million would not be tested

# -- metrics -----------------------------------------------------------------------------
SERIES_MAX = 5_000  # hot series of one scrape: what a Prometheus takes from one target gladly
OP_SERIES = 43  # of one workload and operation: 40 buckets, their sum, count and +Inf
PORT_MAX = 65_535  # 16 bits; 0 asks the system for a free one
