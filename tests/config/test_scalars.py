"""What an unquoted scalar means: what YAML 1.2 and a human agree on."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stressd.config.scalars import is_text, read_plain

MEANINGS = {
    "": None,
    "~": None,
    "null": None,
    "true": True,
    "FALSE": False,
    "tRuE": "tRuE",
    "on": "on",
    "Yes": "Yes",
    "n": "n",
    "12": 12,
    "-3": -3,
    "+4": 4,
    "0": 0,
    "0x1F": 31,
    "0o17": 15,
    "1_000": "1_000",
    "12:30:00": "12:30:00",
    "2024-01-02": "2024-01-02",
    "1e6": 1_000_000,
    "2.5e3": 2500,
    "1e-3": 0.001,
    "1E2": 100,
    "0.70": 0.7,
    ".5": 0.5,
    "1.": 1.0,
    "-.inf": -math.inf,
    "inf": "inf",
    "=": "=",
    "1e400": math.inf,
    "9" * 41: "9" * 41,
}


@pytest.mark.parametrize("text", MEANINGS)
def test_a_scalar_means_what_it_looks_like(text: str) -> None:
    """Each kind of scalar, and each word that YAML 1.1 reads otherwise, has one meaning here."""
    value = read_plain(text)
    assert (value, type(value)) == (MEANINGS[text], type(MEANINGS[text]))


@pytest.mark.parametrize(("text", "instead"), [("010", "10"), ("-007", "7"), ("00", "0")])
def test_a_leading_zero_is_refused(text: str, instead: str) -> None:
    """8 to some readers and 10 to others: the writer must say which."""
    with pytest.raises(ValueError, match=f"write {instead} or quote it"):
        read_plain(text)


@given(st.integers(-(10**39), 10**39))
def test_whole_numbers_are_read_as_written(number: int) -> None:
    """Every integer in decimal is that integer."""
    assert read_plain(str(number)) == number


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_floats_are_read_as_written(number: float) -> None:
    """Every float in Python's shortest form is that float; with an exponent maybe as an integer."""
    value = read_plain(repr(number))
    assert isinstance(value, int | float)
    assert float(value) == number


@given(st.text())
def test_text_is_told_from_all_else(text: str) -> None:
    """Whatever is_text lets stand unquoted is read back as the same text."""
    if is_text(text):
        assert read_plain(text) == text
