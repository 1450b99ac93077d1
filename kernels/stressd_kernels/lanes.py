"""Sixteen words at once: compare, shift, fill and reduce one group of a node.

A node is two or three groups of 16 words (128 bytes), each 64-byte aligned: pivots (lane 0
is the generation word), slots, and the gaps of an inner node. LLVM turns each function into
a few vector instructions where the processor has AVX-512 or AVX2, and into scalar code of the
same meaning elsewhere. No plain loop that numba compiles is as fast: 34 .. 150 ns a lookup
against 4 .. 25 (measured).

Safety: `plain` reads are for words that are immutable once published, or private. Gaps change
under readers, so their group is read `volatile`: the compiler may neither repeat nor move the
read, and the version word tells whether it was torn.

The model build takes the same names from lanes_model.py (last lines).
"""

from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from stressd_kernels.builds import MODEL
from stressd_kernels.door_native import I8, I32, I64, _word
from stressd_kernels.signs import HALVES, LANES, PERMUTES, below, gathered, pick
from stressd_kernels.status import ZERO

MASK = ir.IntType(LANES)
VECTOR = ir.VectorType(I64, LANES)
IOTA = ir.Constant(VECTOR, list(range(LANES)))
KEY_MAX = (1 << 64) - 1


def _splat(builder: Any, value: Any) -> Any:
    undefined = ir.Constant(VECTOR, ir.Undefined)
    single = builder.insert_element(undefined, value, ir.Constant(I32, 0))
    zeros = ir.Constant(ir.VectorType(I32, LANES), [0] * LANES)
    return builder.shuffle_vector(single, undefined, zeros)


def _constant(value: int) -> Any:
    return ir.Constant(VECTOR, [value] * LANES)


def _read(builder: Any, pointer: Any, align: int = 64, volatile: bool = False) -> Any:
    vector = builder.load(builder.bitcast(pointer, VECTOR.as_pointer()), align=align, typ=VECTOR)
    if volatile:
        vector.volatile = True
        vector.opname = "load volatile"
    return vector


def _write(builder: Any, vector: Any, pointer: Any, align: int = 64) -> None:
    builder.store(vector, builder.bitcast(pointer, VECTOR.as_pointer()), align=align)


def _mask(builder: Any, condition: Any) -> Any:
    return builder.zext(builder.bitcast(condition, MASK), I64)


def _popcount(builder: Any, bits: Any) -> Any:
    shape = ir.FunctionType(I64, [I64])
    function = cgutils.get_or_insert_function(builder.module, shape, "llvm.ctpop.i64")
    return builder.call(function, [bits])


def _turned(builder: Any, vector: Any, lanes: int) -> Any:
    """Return the vector with lane j + lanes (modulo 16) in lane j."""
    order = [(lane + lanes) % LANES for lane in range(LANES)]
    shuffle = ir.Constant(ir.VectorType(I32, LANES), order)
    return builder.shuffle_vector(vector, ir.Constant(VECTOR, ir.Undefined), shuffle)


def _largest(builder: Any, vector: Any) -> Any:
    shape = ir.FunctionType(I64, [VECTOR])
    name = "llvm.vector.reduce.umax.v16i64"
    return builder.call(cgutils.get_or_insert_function(builder.module, shape, name), [vector])


def _key(builder: Any, key: Any) -> Any:
    """Return what pivots are compared with: the key, and in lane 0, which is no pivot, 0.

    Nothing is below 0, so that lane never counts. A descent makes this vector once.
    """
    return builder.insert_element(_splat(builder, key), ir.Constant(I64, 0), ir.Constant(I32, 0))


def _below(context: Any, builder: Any, signature: Any, args: Any) -> Any:
    pivots = _read(builder, _word(context, builder, signature.args[0], args[0], args[1]))
    below = builder.icmp_unsigned("<", pivots, _key(builder, args[2]))
    return _popcount(builder, _mask(builder, below))


@intrinsic
def lanes_below(typingctx, words, node, key):  # type: ignore[no-untyped-def]
    """Count the pivots of `node` below `key`: the slot whose inclusive range holds the key.

    words   uint64[::1], the arena; node: word index of a node, 64-byte aligned
    return  0 .. 15. Unused pivots are 2**64 - 1, which no key exceeds, so they never count.
    """
    return types.int64(words, types.int64, types.uint64), _below


@intrinsic
def lanes_below_many(typingctx, words, node, key):  # type: ignore[no-untyped-def]
    """Return what `lanes_below` does; for searches that overlap with others (signs.py)."""

    def codegen(context, builder, signature, args):  # type: ignore[no-untyped-def]
        pivots = _read(builder, _word(context, builder, signature.args[0], args[0], args[1]))
        signs = below(builder, pivots, _key(builder, args[2]))
        return _popcount(builder, gathered(builder, signs))

    return types.int64(words, types.int64, types.uint64), (codegen if PERMUTES else _below)


@intrinsic
def lanes_zero(typingctx, words, index):  # type: ignore[no-untyped-def]
    """Return a 16-bit mask of the zero words among words[index : index + 16] (volatile)."""

    def codegen(context, builder, signature, args):  # type: ignore[no-untyped-def]
        pointer = _word(context, builder, signature.args[0], args[0], args[1])
        group = _read(builder, pointer, volatile=True)  # a value may be replaced meanwhile
        return _mask(builder, builder.icmp_unsigned("==", group, _constant(0)))

    return types.uint64(words, types.int64), codegen


@intrinsic
def lanes_at_least(typingctx, words, index, bound):  # type: ignore[no-untyped-def]
    """Return a 16-bit mask of the words >= bound among words[index : index + 16] (volatile)."""

    def codegen(context, builder, signature, args):  # type: ignore[no-untyped-def]
        pointer = _word(context, builder, signature.args[0], args[0], args[1])
        group = _read(builder, pointer, volatile=True)
        return _mask(builder, builder.icmp_unsigned(">=", group, _splat(builder, args[2])))

    return types.uint64(words, types.int64, types.uint64), codegen


@intrinsic
def lanes_largest(typingctx, words, index):  # type: ignore[no-untyped-def]
    """Return the largest of words[index : index + 16]."""

    def codegen(context, builder, signature, args):  # type: ignore[no-untyped-def]
        pointer = _word(context, builder, signature.args[0], args[0], args[1])
        return _largest(builder, _read(builder, pointer))

    return types.uint64(words, types.int64), codegen


@intrinsic
def lanes_largest_but(typingctx, words, index, lane, value):  # type: ignore[no-untyped-def]
    """Return the largest of words[index : index + 16], were words[index + lane] `value`.

    Storing the value first would make the vector read wait for the store to leave the core.
    """

    def codegen(context, builder, signature, args):  # type: ignore[no-untyped-def]
        pointer = _word(context, builder, signature.args[0], args[0], args[1])
        here = builder.icmp_signed("==", IOTA, _splat(builder, args[2]))
        group = builder.select(here, _splat(builder, args[3]), _read(builder, pointer))
        return _largest(builder, group)

    return types.uint64(words, types.int64, types.int64, types.uint64), codegen


@intrinsic
def lanes_fill(typingctx, words, index, value):  # type: ignore[no-untyped-def]
    """Set words[index : index + 16] of a private node to `value`."""

    def codegen(context, builder, signature, args):  # type: ignore[no-untyped-def]
        pointer = _word(context, builder, signature.args[0], args[0], args[1])
        _write(builder, _splat(builder, args[2]), pointer)
        return context.get_dummy_value()

    return types.void(words, types.int64, types.uint64), codegen


@intrinsic
def lanes_move(typingctx, words, target, source, count, rest):  # type: ignore[no-untyped-def]
    """Copy words[source : source + count] to words[target..], and fill up sixteen with `rest`.

    Neither need be aligned; sixteen words are read and written whatever `count`, 0 .. 16, is.
    What may change under the read must not be among those that are kept.
    """

    def codegen(context, builder, signature, args):  # type: ignore[no-untyped-def]
        array_type, words_, target_, source_ = signature.args[0], *args[:3]
        group = _read(builder, _word(context, builder, array_type, words_, source_), align=8)
        kept = builder.icmp_signed("<", IOTA, _splat(builder, args[3]))
        group = builder.select(kept, group, _splat(builder, args[4]))
        _write(builder, group, _word(context, builder, array_type, words_, target_), align=8)
        return context.get_dummy_value()

    return types.void(words, types.int64, types.int64, types.int64, types.uint64), codegen


@intrinsic
def lanes_splice(typingctx, words, target, source, place, shift, first, last, value):  # type: ignore[no-untyped-def]
    """Copy a leaf with one range more, [first, last], and the slots that it replaces left out.

    place  slot of the new range. Slots below stay as they are, but the one before the new range
           ends at first - 1; slot j > place comes from slot j + shift of the source: shift > 0
           closes up over replaced slots, shift -1 or -2 makes room
    What comes from beyond the end is unused (pivot 2**64 - 1, slot 0). The generation word of
    the target stays. No word beside the leaf is read: that would be a cache miss for nothing.
    """

    def codegen(context, builder, signature, args):  # type: ignore[no-untyped-def]
        array_type = signature.args[0]
        words_, target_, source_, place_, shift_, first_, last_, value_ = args

        def at(index: Any, offset: int) -> Any:
            place = builder.add(index, ir.Constant(I64, offset))
            return _word(context, builder, array_type, words_, place)

        def moved(offset: int, shift: Any) -> Any:
            return _read(builder, at(builder.add(source_, shift), offset), align=8)

        def spliced(offset: int, unused: int, group: Any, item: Any, lane: Any) -> Any:
            end = _splat(builder, builder.sub(ir.Constant(I64, LANES - 1), shift_))
            group = builder.select(builder.icmp_signed(">", IOTA, end), _constant(unused), group)
            here = _splat(builder, lane)
            group = builder.select(builder.icmp_signed("==", IOTA, here), item, group)
            stay = _read(builder, at(source_, offset))
            return builder.select(builder.icmp_signed("<", IOTA, here), stay, group)

        zero, one = ir.Constant(I64, 0), ir.Constant(I64, 1)
        room = builder.icmp_signed("<", shift_, zero)
        # Pulled down, the pivots end in the slots; pushed up, they would begin in another node.
        down = builder.select(room, zero, shift_)
        group = moved(0, down)
        for lanes in (1, 2):
            pushed = _turned(builder, _read(builder, at(source_, 0)), LANES - lanes)
            here = builder.icmp_signed(
                "==", _splat(builder, shift_), _constant(KEY_MAX + 1 - lanes)
            )
            group = builder.select(here, pushed, group)
        # Lane j of the pivots is the last key of slot j - 1.
        group = spliced(0, KEY_MAX, group, _splat(builder, last_), builder.add(place_, one))
        before = builder.icmp_signed("==", IOTA, _splat(builder, place_))
        group = builder.select(before, _splat(builder, builder.sub(first_, one)), group)
        generation = builder.load(at(target_, 0), typ=I64)
        _write(
            builder, builder.insert_element(group, generation, ir.Constant(I32, 0)), at(target_, 0)
        )
        # And the slots the other way round.
        group = moved(LANES, builder.select(room, shift_, zero))
        for lanes in (1, 2, 4, 8):
            bit = _splat(builder, builder.and_(down, ir.Constant(I64, lanes)))
            here = builder.icmp_signed("!=", bit, _constant(0))
            group = builder.select(here, _turned(builder, group, lanes), group)
        group = spliced(LANES, 0, group, _splat(builder, value_), place_)
        _write(builder, group, at(target_, LANES))
        return context.get_dummy_value()

    numbers = [*[types.int64] * 4, *[types.uint64] * 3]
    return types.void(words, *numbers), codegen


def _ends(builder: Any, pointer: Any, high: Any) -> Any:
    """Return the last key of each slot of a leaf; pointer to its pivot 0, and its last key."""
    ends = _read(builder, pointer, align=8)
    ends = builder.insert_element(ends, high, ir.Constant(I32, LANES - 1))
    bound = _splat(builder, high)
    return builder.select(builder.icmp_unsigned("<", ends, bound), ends, bound)


def _null_lengths(context: Any, builder: Any, array_type: Any, args: Any) -> Any:
    """Return how many keys each NULL slot of a leaf covers; 0 for others.

    args  words, leaf, and the first and last key of the leaf. Unused slots are NULL too, but
          their pivots are clipped to the last key, so they have no length.
    """
    words, leaf, low, high = args

    def at(offset: int) -> Any:
        place = builder.add(leaf, ir.Constant(I64, offset))
        return _word(context, builder, array_type, words, place)

    bound = _splat(builder, high)
    before = _read(builder, at(0))  # lane j: last key before slot j
    before = builder.insert_element(
        before, builder.sub(low, ir.Constant(I64, 1)), ir.Constant(I32, 0)
    )
    ends = _ends(builder, at(1), high)
    clipped = builder.select(builder.icmp_unsigned("<", before, bound), before, bound)
    first = ir.Constant(ir.VectorType(ir.IntType(1), LANES), [1] + [0] * (LANES - 1))
    before = builder.select(first, before, clipped)  # low - 1 may wrap: lane 0 is exact
    lengths = builder.sub(ends, before)
    slots = _read(builder, at(LANES), volatile=True)  # a value may be replaced meanwhile
    null = builder.icmp_unsigned("==", slots, _constant(0))
    return builder.select(null, lengths, _constant(0))


@intrinsic
def lanes_null_gap(typingctx, words, leaf, low, high):  # type: ignore[no-untyped-def]
    """Return the length in keys of the longest NULL range of a leaf that spans [low, high]."""

    def codegen(context, builder, signature, args):  # type: ignore[no-untyped-def]
        return _largest(builder, _null_lengths(context, builder, signature.args[0], args))

    return types.uint64(words, types.int64, types.uint64, types.uint64), codegen


@intrinsic
def lanes_null_gap_but(typingctx, words, leaf, low, high, but):  # type: ignore[no-untyped-def]
    """Return the longest NULL range of a leaf but for the slots in `but`, a mask."""

    def codegen(context, builder, signature, args):  # type: ignore[no-untyped-def]
        lengths = _null_lengths(context, builder, signature.args[0], args[:4])
        out = builder.bitcast(builder.trunc(args[4], MASK), ir.VectorType(ir.IntType(1), LANES))
        return _largest(builder, builder.select(out, _constant(0), lengths))

    numbers = [types.int64, *[types.uint64] * 3]
    return types.uint64(words, *numbers), codegen


@intrinsic
def lanes_null_fit(typingctx, words, leaf, low, high, size):  # type: ignore[no-untyped-def]
    """Return a mask of the NULL slots of a leaf, spanning [low, high], of `size` keys or more.

    size  1 or more. A leaf that is all NULL has a length of 0 modulo 2**64 if it spans all keys.
    """

    def codegen(context, builder, signature, args):  # type: ignore[no-untyped-def]
        lengths = _null_lengths(context, builder, signature.args[0], args[:4])
        return _mask(builder, builder.icmp_unsigned(">=", lengths, _splat(builder, args[4])))

    numbers = [types.int64, *[types.uint64] * 3]
    return types.uint64(words, *numbers), codegen


@intrinsic
def lanes_rows(typingctx, words, leaf, low, high, output):  # type: ignore[no-untyped-def]
    """Write first and last key and value of each entry of a leaf to words[output..]; count them.

    low, high  first and last key of the leaf
    output     48 words are written, whatever the number of entries; neither NULL nor ZERO is one

    A value may be replaced meanwhile: each is read once, and an aligned word is never torn.
    """

    def codegen(context, builder, signature, args):  # type: ignore[no-untyped-def]
        array_type, words_, leaf_ = signature.args[0], args[0], args[1]

        def at(index: Any, offset: int) -> Any:
            place = builder.add(index, ir.Constant(I64, offset))
            return _word(context, builder, array_type, words_, place)

        starts = builder.add(_read(builder, at(leaf_, 0)), _constant(1))
        starts = builder.insert_element(starts, args[2], ir.Constant(I32, 0))
        ends = _ends(builder, at(leaf_, 1), args[3])
        values = _read(builder, at(leaf_, LANES), volatile=True)  # may be replaced meanwhile
        taken = builder.and_(
            builder.icmp_unsigned("!=", values, _constant(0)),
            builder.icmp_unsigned("!=", values, _constant(ZERO)),
        )
        half = ir.VectorType(I64, LANES // 2)
        chosen = ir.VectorType(ir.IntType(1), LANES // 2)
        shape = ir.FunctionType(half, [half, chosen, half])
        name = "llvm.experimental.vector.compress.v8i64"
        compress = cgutils.get_or_insert_function(builder.module, shape, name)
        count = ir.Constant(I64, 0)
        for lanes in HALVES:
            mask = pick(builder, taken, taken, lanes)
            columns = [
                builder.call(compress, [pick(builder, c, c, lanes), mask, ir.Constant(half, None)])
                for c in (starts, ends, values)
            ]
            keys = pick(builder, columns[0], columns[1], list(range(LANES)))
            rest = pick(builder, columns[2], columns[2], list(range(LANES)))
            order = [c * (LANES // 2) + row for row in range(LANES // 2) for c in range(3)]
            rows = pick(builder, keys, rest, order)
            target = at(builder.add(args[4], builder.mul(count, ir.Constant(I64, 3))), 0)
            target = builder.bitcast(target, rows.type.as_pointer())
            builder.store(rows, target, align=8)
            bits = builder.zext(builder.bitcast(mask, I8), I64)
            count = builder.add(count, _popcount(builder, bits))
        return count

    numbers = [types.int64, types.uint64, types.uint64, types.int64]
    return types.int64(words, *numbers), codegen


if MODEL:
    _names = [name for name in globals() if name.startswith("lanes_")]
    from stressd_kernels import lanes_model

    for _name in _names:
        globals()[_name] = getattr(lanes_model, _name)
