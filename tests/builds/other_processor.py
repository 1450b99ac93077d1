"""What must hold of machine code that is made for another processor than this one.

test_builds.py runs these in a process that compiles for that processor.
"""

from __future__ import annotations

import re

import pytest
from numba.core import config

from stressd_kernels.door_native import ENTRY_TYPE, cfunc
from stressd_kernels.maple import entries

FORBIDDEN = {"haswell": r"\b%?zmm\d", "nehalem": r"\b%?[yz]mm\d"}


@pytest.mark.parametrize("name", ["load", "gap_upward", "store"])
def test_no_register_is_used_that_the_processor_lacks(name: str) -> None:
    """No 512-bit vectors without AVX-512, no 256-bit vectors without AVX."""
    entry = getattr(entries, name)
    entry.compile()
    compiled = entry._compiled  # if just now: what comes from the cache has no assembly
    if entry.cached:
        compiled = cfunc(ENTRY_TYPE, error_model="numpy")(entry.function)
    assembly = compiled._library.get_asm_str()
    assert "xmm" in assembly
    assert not re.search(FORBIDDEN[config.CPU_NAME], assembly)
