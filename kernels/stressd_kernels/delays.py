"""Delays of the perturbed build: at every labelled call of the door, time may pass.

A defect whose window is a few instructions wide shows once in days, or when a thread loses its
core inside the window. Here threads linger at such places on purpose: before each labelled
store, swap and fence, and on both sides of each labelled load, so that also what has just been
read grows old: between the levels of a descent, for one.

    draw of one call                    how long
    most                                not at all
    1 in 8, as the label weighs         50 ns
    1 in 128,       "                   5 us
    1 in 1024,      "                   sched_yield: for as long as others have work to do

The seed gives every label a weight: half of them get an eighth of these chances, one in eight
gets eight times as much: some delay at every call. So different seeds dwell at different places.

State: one word per thread, xorshift64*. A worker's lies in its slot (SLOT_DELAYS), so that the
worker takes it along to whichever thread runs its next slice; other threads get a line of the
table below. What a seed reproduces is the sequence of delays that a worker draws, one a call.
It does not reproduce the schedule: how threads interleave is still up to the machine.

The code is compiled anew in each process, as it contains addresses; kernels find it by the
name of a symbol, so they can be kept in the cache. To the compiler the call touches no memory
that kernels know: it moves plain reads across it as it would in the fast build.

Not a schedule: nothing is promised to be found. What the model explores exhaustively in
miniature, this tries at random on the real tree.

Source: the generator is xorshift64*, S. Vigna, "An experimental exploration of Marsaglia's
xorshift generators, scrambled" (2016).
"""

import ctypes
from typing import Any

import llvmlite.binding
import numpy as np
from numba import cfunc, types
from numba.extending import intrinsic

from stressd_kernels.builds import LABEL_NUMBERS
from stressd_kernels.door_native import WORDS, clock_monotonic, kernel_inline, sched_yield
from stressd_kernels.layout import LINE_WORDS, U0

SEED_DEFAULT = 1
CHANCE_BITS = 24
CHANCE = (1 << CHANCE_BITS) // 8  # of a delay, at a label of weight 1
QUIET, LOUD = 8, 8  # by how much weights differ
NANOSECONDS_SHORT = np.uint64(50)
NANOSECONDS_LONG = np.uint64(5_000)

# the table: the seed, a chance for each label, a line for each thread that is no worker
SEED = 0
CHANCES = LINE_WORDS
THREADS = 4096
STATES = CHANCES + LABEL_NUMBERS
TABLE = np.zeros(STATES + THREADS * LINE_WORDS, np.uint64)
TABLE_AT = np.uint64(TABLE.ctypes.data)

U_STATES = np.uint64(STATES)
U_CHANCES = np.uint64(CHANCES)
U_THREADS = np.uint64(THREADS - 1)
U_LINE = np.uint64(LINE_WORDS)
U_WORD = np.uint64(8)
U12 = np.uint64(12)
U25 = np.uint64(25)
U27 = np.uint64(27)
U_CHANCE_SHIFT = np.uint64(64 - CHANCE_BITS)
U_KIND_SHIFT = np.uint64(16)
KINDS = np.uint64(127)
KIND_YIELD = np.uint64(0)  # 1 of 128 delays
KINDS_LONG = np.uint64(9)  # 8 of 128; all others are short
SCRAMBLE = np.uint64(0x2545F4914F6CDD1D)
GOLDEN = np.uint64(0x9E3779B97F4A7C15)

gettid = types.ExternalFunction("gettid", types.int32())
pthread_getspecific = types.ExternalFunction("pthread_getspecific", types.uint64(types.uint32))
pthread_setspecific = types.ExternalFunction(
    "pthread_setspecific", types.int32(types.uint32, types.uint64)
)
_compiled: list[Any] = []  # keeps the machine code alive


@intrinsic
def words_from(typingctx, address):  # type: ignore[no-untyped-def]
    """Return the pointer to the words at an address."""

    def codegen(context, builder, signature, args):  # type: ignore[no-untyped-def]
        return builder.inttoptr(args[0], context.get_value_type(WORDS))

    return WORDS(types.uint64), codegen


@kernel_inline
def state_draw(state):
    """Return the next 64 random bits of the generator whose word is at state[0]."""
    x = state[0]
    x ^= x >> U12
    x ^= x << U25
    x ^= x >> U27
    state[0] = x
    return x * SCRAMBLE


@kernel_inline
def time_pass(nanoseconds):
    """Keep the core busy for some nanoseconds."""
    begun = clock_monotonic()
    while clock_monotonic() - begun < nanoseconds:
        pass


def install() -> None:
    """Compile the delays and give them the names by which kernels call them; once a process."""
    if _compiled:
        return
    key = ctypes.c_uint(0)
    if ctypes.CDLL(None).pthread_key_create(ctypes.byref(key), None) != 0:
        raise OSError("no key for thread-specific data is left")
    key_number = np.uint32(key.value)

    def thread_state() -> Any:
        """Return the address of the calling thread's state; threads without one get a line."""
        at = pthread_getspecific(key_number)
        if at == U0:
            number = np.uint64(gettid())
            at = TABLE_AT + (U_STATES + (number & U_THREADS) * U_LINE) * U_WORD
            words_from(at)[0] = (words_from(TABLE_AT)[SEED] ^ (number * GOLDEN)) | np.uint64(1)
            pthread_setspecific(key_number, at)
        return at

    thread_state = kernel_inline(thread_state)

    def delay(label: Any) -> None:
        random = state_draw(words_from(thread_state()))
        if random >> U_CHANCE_SHIFT >= words_from(TABLE_AT)[U_CHANCES + label]:
            return
        kind = (random >> U_KIND_SHIFT) & KINDS
        if kind == KIND_YIELD:
            sched_yield()
        else:
            time_pass(NANOSECONDS_LONG if kind < KINDS_LONG else NANOSECONDS_SHORT)

    def delays_of(address: Any) -> None:
        """Draw this thread's delays from the word at `address`; 0: from its own again."""
        pthread_setspecific(key_number, address)

    for name, function in {"stressd_delay": delay, "stressd_delays_of": delays_of}.items():
        compiled = cfunc(types.void(types.uint64), error_model="numpy")(function)
        llvmlite.binding.add_symbol(name, compiled.address)
        _compiled.append(compiled)
    seed(SEED_DEFAULT)


def seed(number: int) -> None:
    """Let `number` weigh the labels, and start the generators of threads that have none yet."""
    random = np.random.default_rng(number)
    loudness = random.choice([1 / QUIET, 1.0, LOUD], size=LABEL_NUMBERS, p=[0.5, 0.375, 0.125])
    TABLE[SEED] = random.integers(1, 1 << 63, dtype=np.uint64)
    TABLE[CHANCES : CHANCES + LABEL_NUMBERS] = (CHANCE * loudness).astype(np.uint64)


def weights() -> Any:
    """Return the chance of a delay at each label, by `label_number`."""
    return TABLE[CHANCES : CHANCES + LABEL_NUMBERS] / (1 << CHANCE_BITS)
