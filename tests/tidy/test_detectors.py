"""The rules themselves, each shown what it must find: a rule that cannot fail holds nothing."""

from __future__ import annotations

import ast

import pytest

from tests.tidy.sources import KERNELS, Kernel, Module, imports
from tests.tidy.test_kernels import bare_literals, code_lines
from tests.tidy.test_labels import sites_of, table_of


def module_of(text: str) -> Module:
    """Return a module as if it stood among the kernels."""
    return Module(
        KERNELS / "maple" / "made_up.py", "stressd_kernels.maple.made_up", text, ast.parse(text)
    )


def kernel_of(body: str) -> Kernel:
    """Return a kernel with this body."""
    module = module_of(f"def made_up(words, key):\n    {body}\n")
    node = module.tree.body[0]
    assert isinstance(node, ast.FunctionDef)
    return Kernel(module, node, "kernel")


@pytest.mark.parametrize(
    ("line", "label", "partners"),
    [
        ('fence_full("E1")  # pairs with E2 (advance), E3', "E1", {"E2", "E3"}),
        ('x = load_acquire(words, at, "S1")  # pairs with P1', "S1", {"P1"}),
        ('# pairs with P1, see above\nfence_acquire("V2")', "V2", {"P1"}),
        ('compare_exchange(\n    words, at, a, b, "W1"\n)  # pairs with W2', "W1", {"W2"}),
        ("fence_full()  # pairs with E2", None, {"E2"}),
        ("fence_full(label)  # pairs with E2", None, {"E2"}),
        ('fence_full("no label")  # pairs with E2', None, {"E2"}),
        ('fence_full("E1")', "E1", None),
        ('x = 1  # pairs with E9\nfence_full("E1")', "E1", None),
    ],
)
def test_ordering_sites_are_read(line: str, label: str | None, partners: set[str] | None) -> None:
    """A label is a literal; partners stand on the call's lines or on comment lines just above."""
    (site,) = sites_of(module_of(line))
    assert site.label == label
    assert site.partners == (frozenset(partners) if partners else None)


def test_an_ordering_table_is_read_up_to_its_blank_line() -> None:
    """Only rows of the table count, not labels in the text around it."""
    before, after = "Made up.\n\n    X1  not a row\n\n", "\n    E3  not a row\n"
    table = "Ordering   pairs with\n    E1  fence   E2\n    E2  fence   E1\n"
    text = f'"""{before}{table}{after}"""'
    assert set(table_of(module_of(text))) == {"E1", "E2"}


@pytest.mark.parametrize(
    "body",
    [
        "return words[key] + 1",
        "return load_relaxed(words, key) & 1",
        "word = words[key]\n    return word >> 3",
        "word = np.uint64(key)\n    word += 1",
        "count = U0\n    count = U1\n    return count * 2",
        "words[key] += 1",
        "return 8 * load_acquire(words, key, 'S1')",
    ],
)
def test_a_literal_beside_a_word_is_found(body: str) -> None:
    """Arithmetic between an integer literal and a word of the arena, directly or by name."""
    assert list(bare_literals(kernel_of(body)))


@pytest.mark.parametrize(
    "body",
    [
        "return words[key + 1]",
        "return np.int64(words[key]) + 1",
        "return words[key] + U1",
        "place = 3\n    return place + 1",
    ],
)
def test_indexes_may_be_plain_integers(body: str) -> None:
    """Word indexes are int64: their literals are no trap."""
    assert not list(bare_literals(kernel_of(body)))


def test_the_docstring_does_not_make_a_kernel_long() -> None:
    """What is counted is code: explanation is welcome."""
    assert code_lines(kernel_of('"""One.\n\n    Two.\n    """\n    return 1')) == 2


def test_imports_are_found_wherever_they_stand() -> None:
    """Inside functions and relative ones too."""
    found = set(
        imports(module_of("def f():\n    import a.b\nfrom . import c\nfrom ..d import e\n"))
    )
    assert found >= {"a.b", "stressd_kernels.maple.c", "stressd_kernels.d", "stressd_kernels.d.e"}
