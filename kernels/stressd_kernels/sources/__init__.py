"""Sources: what operations ask for, and what may stand where.

A source is a file with two entries, called by address (worker.SOURCE_DRAW, SOURCE_CERTIFY):

    draw      a: a DRAW_* of asking.py                  fills the worker's NOW line
    certify   a: first, b: last, c: value of an entry   0, or a FAULT_* of values.py

Both find their parameters in the worker's words from SOURCE_OWN on, and tables in the arena.
The Python half (what the parameters are, what a tree holds at first) is stressd/sources. To add
one: a file here, a file there, and a line in each list.
"""

from types import ModuleType


def sources() -> dict[str, ModuleType]:
    """Return the modules of all kinds of source, by name."""
    from stressd_kernels.sources import address_spaces, maps, recording, synthetic

    return {
        "synthetic": synthetic,
        "maps": maps,
        "recording": recording,
        "address-spaces": address_spaces,
    }
