"""A mutant: one thing made wrong, and the schedule that shows it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from tests.model.scenario import Scenario


@dataclass(frozen=True)
class Mutant:
    """The scenario fails under the script, as `finds` says, and passes it without the mutant.

    replaces   kernels by what stands in their places
    weakened   labels whose ordering is taken away: a fence is gone, an acquire or a release is
               relaxed
    """

    name: str
    scenario: type[Scenario]
    memory: str
    script: str
    finds: str
    replaces: dict[Callable[..., Any], Callable[..., Any]] = field(default_factory=dict)
    weakened: frozenset[str] = frozenset()
