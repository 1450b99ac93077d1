"""The oracles of a run: what must hold, each as a function of the evidence.

    name         answers UNKNOWN when                      and INVALID when
    completion   the run did not come to its end
    stall        a worker stopped counting
    values       nothing read was checked                  a read met a value that never stood there
    order        a forbidden grade or finding of that name makes these four INVALID: entries out
    gaps           of order, a wrong gap, a recording that came out differently, two answers to
    replay         one question
    agreement
    structure    no walk over the trees came to its end    a walk found a broken invariant
    address-     none was validated                        two structures differ, or two answers to
      spaces                                                 one gap search
    accounting   the final count could not be taken        a node is lost or counted twice
    vacuity      an operation of the mix never ran
    strays       -                                         a finding that no oracle above owns

To add one: a function in a file of this folder, and a line in ORACLES.
"""

from __future__ import annotations

from collections.abc import Mapping

from stressd.oracles.accounting import accounting
from stressd.oracles.address_spaces import NAME as SPACES
from stressd.oracles.address_spaces import address_spaces
from stressd.oracles.completion import completion
from stressd.oracles.grades import graded, strays_beside
from stressd.oracles.stall import stall
from stressd.oracles.structure import structure
from stressd.oracles.vacuity import vacuity
from stressd.oracles.values import values
from stressd.verdict import Oracle

OWNERS: Mapping[str, Oracle] = {
    "completion": completion,
    "stall": stall,
    "values": values,
    "order": graded("order"),
    "gaps": graded("gaps"),
    "replay": graded("replay"),
    "agreement": graded("agreement"),
    "structure": structure,
    SPACES: address_spaces,
    "accounting": accounting,
    "vacuity": vacuity,
}
ORACLES: Mapping[str, Oracle] = {**OWNERS, "strays": strays_beside(OWNERS)}
