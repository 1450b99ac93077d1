"""Native door: each name is one LLVM instruction on a word of the arena.

It also owns the one compile policy. Three decorators, and no other use of numba anywhere:

    kernel   a function that other kernels call; never called from Python in production
    entry    called through its address, from kernels or from Python; compiled when first asked
    driver   called from Python with arrays; compiled at its first call

The last argument of every ordering call is its label: a literal string, compiled to nothing,
that names the row of the module's ordering table where the site is argued.

x86-64: loads and stores are plain moves, fence_full is a locked or, compare_exchange is
lock cmpxchg. aarch64: ldapr, stlr, dmb, casal. The timestamp is rdtsc/rdtscp on x86-64 and
cntvct_el0 on aarch64: `clock.py` decides whether it can be trusted.
"""

import platform
import threading
import time
from collections.abc import Callable
from typing import Any

import llvmlite.binding
from llvmlite import ir
from numba import cfunc, njit, types
from numba.core import cgutils
from numba.extending import intrinsic

from stressd_kernels import compile_cache
from stressd_kernels.builds import BUILD, CHECKING, PERTURBED, label_number
from stressd_kernels.layout import WORD_BYTES

# Without it any inline assembly aborts the process: "no asm parser for this target".
llvmlite.binding.initialize_native_asmparser()

X86 = platform.machine() in ("x86_64", "AMD64")
ARM = platform.machine() in ("aarch64", "arm64")

I1, I8, I32, I64, I128 = (ir.IntType(bits) for bits in (1, 8, 32, 64, 128))
POLICY = {"nogil": True, "error_model": "numpy", "boundscheck": False}
CACHE = compile_cache.folder(BUILD)


def kernel(function: Callable[..., Any]) -> Any:
    """Compile `function` for other kernels to call; LLVM decides whether to inline it."""
    return njit(function, no_cfunc_wrapper=True, **POLICY)


def kernel_inline(function: Callable[..., Any]) -> Any:
    """Compile `function` into each of its callers: for hot leaves of a few lines."""
    return njit(function, no_cfunc_wrapper=True, forceinline=True, **POLICY)


def driver(function: Callable[..., Any]) -> Any:
    """Compile `function` at its first call from Python, and keep it in the cache."""
    with compile_cache.cached_in(CACHE):
        return njit(function, cache=True, **POLICY)


WORDS = types.CPointer(types.uint64)
ENTRY_TYPE = types.uint64(WORDS, types.int64, types.int64, *[types.uint64] * 5)


@njit(forceinline=True, **POLICY)
def words_at(base: Any) -> Any:
    """Return what kernels index: the pointer to word 0 of the arena that an entry is given."""
    return base


@intrinsic
def borrowed(typingctx, words):  # type: ignore[no-untyped-def]
    """Return the pointer to word 0 of the arena, of which a driver is given the array.

    Kernels index a bare pointer: an array would be seven words to pass to each of them, have an
    owner whose references numba counts with locked instructions at each call, and have its
    indexes tested for being negative at each access. The caller keeps the memory alive.
    """

    def codegen(context, builder, signature, args):  # type: ignore[no-untyped-def]
        if isinstance(signature.args[0], types.CPointer):  # borrowed already
            return args[0]
        return context.make_array(signature.args[0])(context, builder, value=args[0]).data

    return WORDS(words), codegen


class Entry:
    """A kernel with an address: `(base, tree, slot, a, b, c, d, e) -> uint64`.

    `base` points at word 0 of the arena; `tree` and `slot` are word indexes of their blocks;
    what a .. e and the answer mean is the entry's own business. It is compiled, or loaded from
    the cache, when its address is first asked for, and at no other time.
    """

    def __init__(self, function: Callable[..., Any]) -> None:
        module = function.__module__.removeprefix("stressd_kernels.")
        self.name = f"{module}.{function.__name__}"
        self.function = function
        self.seconds = 0.0  # what compiling or loading took
        self.cached = False  # whether it came from the cache
        self._compiled: Any = None
        self._lock = threading.Lock()

    @property
    def address(self) -> int:
        """Return the address of the machine code; compiles on first use."""
        self.compile()
        return int(self._compiled.address)

    def compile(self) -> None:
        """Make the machine code exist."""
        with self._lock:
            if self._compiled is None:
                start = time.perf_counter()
                with compile_cache.cached_in(CACHE):
                    compiled = cfunc(ENTRY_TYPE, cache=True, error_model="numpy")(self.function)
                self.cached = compiled.cache_hits > 0
                self.seconds = time.perf_counter() - start
                self._compiled = compiled


def entry(function: Callable[..., Any]) -> Entry:
    """Give `function` an address, under the uniform signature of `Entry`."""
    return Entry(function)


# -- instructions --------------------------------------------------------------------------


def _word(context: Any, builder: Any, array_type: Any, words: Any, index: Any) -> Any:
    """Return a pointer to words[index]: no wraparound, no bounds check."""
    if not isinstance(array_type, types.CPointer):  # an array: only tests do that
        words = context.make_array(array_type)(context, builder, value=words).data
    return builder.gep(words, [index], inbounds=True)


def _delay(builder: Any, signature: Any) -> None:
    """In the perturbed build, let time pass at the label, the last argument; see delays.py."""
    if not PERTURBED:
        return
    number = label_number(signature.args[-1].literal_value)
    shape = ir.FunctionType(ir.VoidType(), [I64])
    function = cgutils.get_or_insert_function(builder.module, shape, "stressd_delay")
    for attribute in ("nounwind", "inaccessiblememonly"):
        function.attributes.add(attribute)
    builder.call(function, [ir.Constant(I64, number)])


def _load(name: str, ordering: str, labelled: bool) -> Any:
    def codegen(context, builder, signature, args):  # type: ignore[no-untyped-def]
        pointer = _word(context, builder, signature.args[0], args[0], args[1])
        if labelled:
            _delay(builder, signature)
        value = builder.load_atomic(pointer, ordering=ordering, align=WORD_BYTES, typ=I64)
        if labelled:
            _delay(builder, signature)
        return value

    if labelled:

        def typer(typingctx, words, index, label):  # type: ignore[no-untyped-def]
            return types.uint64(words, types.int64, label), codegen
    else:

        def typer(typingctx, words, index):  # type: ignore[no-untyped-def]
            return types.uint64(words, types.int64), codegen

    typer.__name__ = name
    return intrinsic(prefer_literal=True)(typer) if labelled else intrinsic(typer)


def _half() -> Any:
    """Return load_acquire for the low half of a word, where no build adds anything to it."""

    def codegen(context, builder, signature, args):  # type: ignore[no-untyped-def]
        pointer = _word(context, builder, signature.args[0], args[0], args[1])
        if X86:
            pointer = builder.bitcast(pointer, I32.as_pointer())
            half = builder.load_atomic(pointer, ordering="acquire", align=WORD_BYTES, typ=I32)
        else:  # a half of what was stored as a whole: not all processors order that
            word = builder.load_atomic(pointer, ordering="acquire", align=WORD_BYTES, typ=I64)
            half = builder.trunc(word, I32)
        return builder.zext(half, I64)

    def load_ref(typingctx, words, index, label):  # type: ignore[no-untyped-def]
        return types.uint64(words, types.int64, label), codegen

    return intrinsic(prefer_literal=True)(load_ref)


def _store(name: str, ordering: str, labelled: bool) -> Any:
    def codegen(context, builder, signature, args):  # type: ignore[no-untyped-def]
        pointer = _word(context, builder, signature.args[0], args[0], args[1])
        if labelled:
            _delay(builder, signature)
        builder.store_atomic(args[2], pointer, ordering=ordering, align=WORD_BYTES)
        return context.get_dummy_value()

    if labelled:

        def typer(typingctx, words, index, value, label):  # type: ignore[no-untyped-def]
            return types.void(words, types.int64, types.uint64, label), codegen
    else:

        def typer(typingctx, words, index, value):  # type: ignore[no-untyped-def]
            return types.void(words, types.int64, types.uint64), codegen

    typer.__name__ = name
    return intrinsic(prefer_literal=True)(typer) if labelled else intrinsic(typer)


def _swap(name: str, operation: str) -> Any:
    def codegen(context, builder, signature, args):  # type: ignore[no-untyped-def]
        pointer = _word(context, builder, signature.args[0], args[0], args[1])
        _delay(builder, signature)
        return builder.atomic_rmw(operation, pointer, args[2], "acq_rel")

    def typer(typingctx, words, index, value, label):  # type: ignore[no-untyped-def]
        return types.uint64(words, types.int64, types.uint64, label), codegen

    typer.__name__ = name
    return intrinsic(prefer_literal=True)(typer)


def _fence(name: str, ordering: str) -> Any:
    def codegen(context, builder, signature, args):  # type: ignore[no-untyped-def]
        _delay(builder, signature)
        builder.fence(ordering)
        return context.get_dummy_value()

    def typer(typingctx, label):  # type: ignore[no-untyped-def]
        return types.void(label), codegen

    typer.__name__ = name
    return intrinsic(prefer_literal=True)(typer)


load_relaxed = _load("load_relaxed", "monotonic", labelled=False)
load_acquire = _load("load_acquire", "acquire", labelled=True)
load_ref = load_acquire if CHECKING else _half()
store_relaxed = _store("store_relaxed", "monotonic", labelled=False)
store_release = _store("store_release", "release", labelled=True)
fetch_add = _swap("fetch_add", "add")
exchange = _swap("exchange", "xchg")
fence_full = _fence("fence_full", "seq_cst")
fence_acquire = _fence("fence_acquire", "acquire")
fence_release = _fence("fence_release", "release")


@intrinsic(prefer_literal=True)
def compare_exchange(typingctx, words, index, expected, desired, label):  # type: ignore[no-untyped-def]
    """Swap words[index] from expected to desired in one step; return what was there."""

    def codegen(context, builder, signature, args):  # type: ignore[no-untyped-def]
        pointer = _word(context, builder, signature.args[0], args[0], args[1])
        _delay(builder, signature)
        pair = builder.cmpxchg(pointer, args[2], args[3], "acq_rel", "acquire")
        return builder.extract_value(pair, 0)

    return types.uint64(words, types.int64, types.uint64, types.uint64, label), codegen


# -- calls through addresses ---------------------------------------------------------------


@intrinsic
def entry_call(typingctx, words, address, tree, slot, a, b, c, d, e):  # type: ignore[no-untyped-def]
    """Call the `Entry` whose machine code is at `address` (never 0)."""
    numbers = [types.uint64, types.int64, types.int64, *[types.uint64] * 5]

    def codegen(context, builder, signature, args):  # type: ignore[no-untyped-def]
        base = _word(context, builder, signature.args[0], args[0], ir.Constant(I64, 0))
        shape = ir.FunctionType(I64, [base.type, *[I64] * 7])
        function = builder.inttoptr(args[1], shape.as_pointer())
        return builder.call(function, [base, *args[2:]])

    return types.uint64(words, *numbers), codegen


@intrinsic
def address_of(typingctx, words, index):  # type: ignore[no-untyped-def]
    """Return the address of words[index], for libc."""

    def codegen(context, builder, signature, args):  # type: ignore[no-untyped-def]
        pointer = _word(context, builder, signature.args[0], args[0], args[1])
        return builder.ptrtoint(pointer, I64)

    return types.uint64(words, types.int64), codegen


delays_of = types.ExternalFunction("stressd_delays_of", types.void(types.uint64))
sched_yield = types.ExternalFunction("sched_yield", types.int32())
_madvise = types.ExternalFunction("madvise", types.int32(types.uint64, types.uint64, types.int32))
MADV_HUGEPAGE = 14
MADV_POPULATE_WRITE = 23


@njit(**POLICY)
def huge_populate(words: Any, index: int, count: int) -> None:
    """Back words[index : index + count] with memory now, with huge pages where there are any.

    Advice only: if the kernel refuses, the pages come one by one as they are touched.
    """
    length = types.uint64(count * WORD_BYTES)
    _madvise(address_of(words, index), length, types.int32(MADV_HUGEPAGE))
    _madvise(address_of(words, index), length, types.int32(MADV_POPULATE_WRITE))


# -- hints, time, bits -----------------------------------------------------------------------


@intrinsic
def prefetch(typingctx, words, index):  # type: ignore[no-untyped-def]
    """Begin to fetch the cache line of words[index]; never faults."""

    def codegen(context, builder, signature, args):  # type: ignore[no-untyped-def]
        pointer = _word(context, builder, signature.args[0], args[0], args[1])
        pointer = builder.bitcast(pointer, I8.as_pointer())
        shape = ir.FunctionType(ir.VoidType(), [I8.as_pointer(), I32, I32, I32])
        function = cgutils.get_or_insert_function(builder.module, shape, "llvm.prefetch.p0")
        builder.call(function, [pointer, *(ir.Constant(I32, flag) for flag in (0, 3, 1))])
        return context.get_dummy_value()

    return types.void(words, types.int64), codegen


ARM_YIELD, ARM_WHOLE = 1, 15  # which hint; what a barrier is for


def _system(builder: Any, name: str, number: int) -> None:
    """Emit one of aarch64's system instructions: LLVM has names for them, no text is needed."""
    shape = ir.FunctionType(ir.VoidType(), [I32])
    function = cgutils.get_or_insert_function(builder.module, shape, name)
    builder.call(function, [ir.Constant(I32, number)])


def _timer(builder: Any) -> Any:
    """Read aarch64's counter when all that comes before is done."""
    _system(builder, "llvm.aarch64.isb", ARM_WHOLE)
    shape = ir.FunctionType(I64, [ir.MetaDataType()])
    name = "llvm.read_volatile_register.i64"
    function = cgutils.get_or_insert_function(builder.module, shape, name)
    return builder.call(function, [builder.module.add_metadata(["cntvct_el0"])])


@intrinsic
def pause(typingctx):  # type: ignore[no-untyped-def]
    """Tell the core that this is a spin loop."""

    def codegen(context, builder, signature, args):  # type: ignore[no-untyped-def]
        if ARM:
            _system(builder, "llvm.aarch64.hint", ARM_YIELD)
        else:
            shape = ir.FunctionType(ir.VoidType(), [])
            builder.asm(shape, "pause" if X86 else "", "~{memory}", [], True)
        return context.get_dummy_value()

    return types.void(), codegen


def _stamp(name: str, instruction: str, clobbers: str) -> Any:
    def codegen(context, builder, signature, args):  # type: ignore[no-untyped-def]
        if ARM:
            return _timer(builder)
        if not X86:
            return _monotonic(builder)
        shape = ir.FunctionType(ir.LiteralStructType([I32, I32]), [])
        pair = builder.asm(shape, instruction, f"={{ax}},={{dx}},{clobbers}~{{memory}}", [], True)
        low = builder.zext(builder.extract_value(pair, 0), I64)
        high = builder.zext(builder.extract_value(pair, 1), I64)
        return builder.or_(low, builder.shl(high, ir.Constant(I64, 32)))

    def typer(typingctx):  # type: ignore[no-untyped-def]
        return types.uint64(), codegen

    typer.__name__ = name
    return intrinsic(typer)


def _monotonic(builder: Any) -> Any:
    """clock_gettime(CLOCK_MONOTONIC) in nanoseconds."""
    pair_type = ir.LiteralStructType([I64, I64])
    pair = cgutils.alloca_once(builder, pair_type)
    shape = ir.FunctionType(I32, [I32, pair_type.as_pointer()])
    function = cgutils.get_or_insert_function(builder.module, shape, "clock_gettime")
    builder.call(function, [ir.Constant(I32, 1), pair])
    value = builder.load(pair)
    seconds = builder.mul(builder.extract_value(value, 0), ir.Constant(I64, 10**9))
    return builder.add(seconds, builder.extract_value(value, 1))


stamp_begin = _stamp("stamp_begin", "rdtsc", "")
# rdtscp waits for the loads before it; plain rdtsc under-reports an operation tenfold.
stamp_end = _stamp("stamp_end", "rdtscp", "~{rcx},")


@intrinsic
def clock_monotonic(typingctx):  # type: ignore[no-untyped-def]
    """Nanoseconds of CLOCK_MONOTONIC."""

    def codegen(context, builder, signature, args):  # type: ignore[no-untyped-def]
        return _monotonic(builder)

    return types.uint64(), codegen


def _bits(name: str, function_name: str, flags: int) -> Any:
    def codegen(context, builder, signature, args):  # type: ignore[no-untyped-def]
        shape = ir.FunctionType(I64, [I64, *[I1] * flags])
        function = cgutils.get_or_insert_function(builder.module, shape, function_name)
        return builder.call(function, [args[0], *[ir.Constant(I1, 0)] * flags])

    def typer(typingctx, word):  # type: ignore[no-untyped-def]
        return types.int64(types.uint64), codegen

    typer.__name__ = name
    return intrinsic(typer)


bits_set = _bits("bits_set", "llvm.ctpop.i64", 0)
lowest_bit = _bits("lowest_bit", "llvm.cttz.i64", 1)  # 64 for a zero word
leading_zeros = _bits("leading_zeros", "llvm.ctlz.i64", 1)  # 64 for a zero word


@intrinsic
def multiply_high(typingctx, a, b):  # type: ignore[no-untyped-def]
    """Return the high 64 bits of the 128-bit product of two uint64."""

    def codegen(context, builder, signature, args):  # type: ignore[no-untyped-def]
        a_, b_ = (builder.zext(arg, I128) for arg in args)
        return builder.trunc(builder.lshr(builder.mul(a_, b_), ir.Constant(I128, 64)), I64)

    return types.uint64(types.uint64, types.uint64), codegen


@intrinsic
def unlikely(typingctx, condition):  # type: ignore[no-untyped-def]
    """Return `condition`, which hardly ever holds: a branch on it becomes no selection."""

    def codegen(context, builder, signature, args):  # type: ignore[no-untyped-def]
        shape = ir.FunctionType(I1, [I1, I1])
        function = cgutils.get_or_insert_function(builder.module, shape, "llvm.expect.i1")
        return builder.call(function, [args[0], ir.Constant(I1, 0)])

    return types.boolean(types.boolean), codegen
