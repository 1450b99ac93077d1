"""Which build of the kernels this process runs: one, chosen by STRESSD_BUILD.

    fast        the default: nothing but the work
    checking    and generations are compared at each step, reservations are held to, freed
                nodes are poisoned
    perturbed   checking, and at every labelled call of the door time may pass (delays.py)
    model       plain Python, one labelled call at a time, under a schedule (door_model.py)

The constants are frozen into compiled code, so `if CHECKING:` costs nothing in the fast build.
It stands apart from the door because the layout of words depends on it too: the model build
lays out small nodes, so that a tree of a few entries has two levels.
"""

import os

BUILDS = ("fast", "checking", "perturbed", "model")
BUILD = os.environ.get("STRESSD_BUILD", "fast")
if BUILD not in BUILDS:
    raise ImportError(f"STRESSD_BUILD must be one of {', '.join(BUILDS)} (got {BUILD!r})")
MODEL = BUILD == "model"
PERTURBED = BUILD == "perturbed"
CHECKING = BUILD != "fast"

LABEL_NUMBERS = 26 * 16  # a letter, then a number below 16


def label_number(label: str) -> int:
    """Return the number of an ordering label: "A0" is 0, "Z15" is 415."""
    number = int(label[1:])
    assert "A" <= label[0] <= "Z"
    assert 0 <= number < 16
    return (ord(label[0]) - ord("A")) * 16 + number
