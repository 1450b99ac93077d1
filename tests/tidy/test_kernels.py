"""A kernel has one shape: short, few parameters, documented, careful with uint64."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from tests.tidy.sources import Kernel, code_lines, kernels

LINES_MAX = 40
PARAMETERS_MAX = 6

# What every entry point is called with: door_native.Entry.
ENTRY_PARAMETERS = 8
PASSED_ON = ["a", "b", "c", "d", "e"]
# Kernels that may be longer or wider, with the reason. The lists may only shrink: an entry
# that is no longer needed fails the test as well.
LONG: dict[str, str] = {}
WIDE: dict[str, str] = {
    "kernels/stressd_kernels/address_space.py:vma_read": "a question, and where the record goes",
    "kernels/stressd_kernels/maple/gaps.py:ask": "writes down the five words of a question",
}

WORD_CALLS = {
    "load_relaxed",
    "load_acquire",
    "load_ref",
    "compare_exchange",
    "exchange",
    "fetch_add",
    "uint64",
    "stamp_begin",
    "stamp_end",
    "clock_monotonic",
}


WORD_NAMES = {"U0", "U1", "U2", "UMAX"}


def parameters(kernel: Kernel) -> list[str]:
    """Return the names of a kernel's parameters."""
    return [argument.arg for argument in kernel.node.args.args]


def is_word(node: ast.AST, words: set[str]) -> bool:
    """Tell whether an expression surely is a uint64: a word of the arena, or a name for one."""
    if isinstance(node, ast.Call):
        function = node.func
        name = function.id if isinstance(function, ast.Name) else getattr(function, "attr", "")
        return name in WORD_CALLS
    if isinstance(node, ast.Subscript):
        return isinstance(node.value, ast.Name) and node.value.id == "words"
    return isinstance(node, ast.Name) and node.id in WORD_NAMES | words


def word_names(kernel: Kernel) -> set[str]:
    """Return the local names that are only ever assigned a word."""
    seen: dict[str, list[bool]] = {}
    for node in ast.walk(kernel.node):
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            seen.setdefault(node.targets[0].id, []).append(is_word(node.value, set()))
        elif isinstance(node, ast.For) and isinstance(node.target, ast.Name):
            seen.setdefault(node.target.id, []).append(False)
    return {name for name, verdicts in seen.items() if all(verdicts)}


def bare_literals(kernel: Kernel) -> Iterator[int]:
    """Yield the line of each integer literal that meets a word in arithmetic."""
    words = word_names(kernel)
    for node in ast.walk(kernel.node):
        if isinstance(node, ast.BinOp):
            pair = (node.left, node.right)
            literal = any(isinstance(n, ast.Constant) and type(n.value) is int for n in pair)
            if literal and any(is_word(n, words) for n in pair):
                yield node.lineno
        elif (
            isinstance(node, ast.AugAssign)
            and isinstance(node.value, ast.Constant)
            and is_word(node.target, words)
        ):
            yield node.lineno


def test_kernels_were_found() -> None:
    """The rules below would hold of nothing at all."""
    assert len(kernels()) >= 50


def test_a_kernel_fits_on_a_screen() -> None:
    """At most 40 lines of code, so that a protocol can be seen whole."""
    assert {k.where for k in kernels() if code_lines(k) > LINES_MAX} == set(LONG)


def test_a_kernel_takes_few_parameters() -> None:
    """At most 6, but for those that pass on what an entry point is called with."""
    wide = {
        k.where
        for k in kernels()
        if k.decorator != "entry" and len(parameters(k)) > PARAMETERS_MAX
        if parameters(k)[-5:] != PASSED_ON
    }
    assert wide == set(WIDE)


def test_every_entry_point_has_the_one_signature() -> None:
    """An entry is called through its address: a parameter too few would read a register."""
    entries = [k for k in kernels() if k.decorator == "entry"]
    assert [k.where for k in entries if len(parameters(k)) != ENTRY_PARAMETERS] == []


def test_a_kernel_says_what_it_does() -> None:
    """Each has a docstring."""
    assert [k.where for k in kernels() if not ast.get_docstring(k.node)] == []


def test_no_integer_literal_meets_a_word() -> None:
    """A bare literal beside a uint64 makes numba compute in int64: use the named constants."""
    assert [f"{k.module.where}:{line}" for k in kernels() for line in bare_literals(k)] == []
