"""A source keeps the newest view and changes nothing behind a reader's back."""

from __future__ import annotations

from dataclasses import replace

import pytest

from stressd.evidence import Finding, JudgedSample
from stressd.metrics import Source
from stressd.metrics.source import build_info
from tests.metrics.fakes import RATES, RUN, fake_sample, fake_source


def test_a_view_that_was_taken_never_changes() -> None:
    """A scrape in another thread sees one state, whatever the session does meanwhile."""
    source = Source(RUN)
    view = source.view
    source.entered("running")
    source.sampled(fake_sample(1))
    source.failed("web", "exception")
    assert (view.state, view.sample.ops[0].count) == ("starting", 0)
    assert view.errors["web", "exception"] == 0


def test_rates_are_of_the_newest_interval() -> None:
    """The difference of the two newest samples over the time between them."""
    view = fake_source().view
    assert {(op.workload, op.op): view.rate(op) for op in view.sample.ops} == RATES


def test_the_first_sample_has_no_rate() -> None:
    """Without an earlier one there is no interval."""
    source = Source(RUN)
    source.sampled(fake_sample(5))
    assert source.view.rate(source.view.sample.ops[0]) == 0


def test_the_first_interval_begins_with_the_run() -> None:
    """The durations of the first sample are all of them."""
    source = Source(RUN)
    source.sampled(fake_sample(5))
    op = source.view.sample.ops[0]
    assert (source.view.interval(op) == op.durations).all()


def test_a_forbidden_answer_is_dated() -> None:
    """When an oracle's count of forbidden answers grows, the sample's time is noted."""
    source = fake_source(10)
    bad = JudgedSample("values", {"ok": 1, "interesting": 0, "forbidden": 2})
    source.sampled(replace(fake_sample(11), judged=(bad,)))
    source.sampled(replace(fake_sample(12), judged=(bad,)))
    assert source.view.violations == {"values": fake_sample(11).unix_time}


def test_a_forbidden_finding_is_dated() -> None:
    """A near miss is not."""
    source = fake_source()
    source.found(Finding("ages", "interesting", "an epoch moved twice inside a pin"))
    source.found(Finding("structure", "forbidden", "a leaf ends with NULL"))
    assert set(source.view.violations) == {"structure"}


@pytest.mark.parametrize(("method", "value"), [("entered", "asleep"), ("judged", "perhaps")])
def test_only_known_states_and_verdicts_are_taken(method: str, value: str) -> None:
    """An unknown one would leave a stateset without any series at 1."""
    with pytest.raises(ValueError, match=value):
        getattr(Source(RUN), method)(value)


def test_build_info_names_everything_that_matters() -> None:
    """The versions that a latency depends on."""
    assert list(build_info()) == ["version", "revision", "build", "python", "numba", "numpy"]
