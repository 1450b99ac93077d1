"""Recording rules and alerts: sound, named by convention, each alert tested both ways."""

from __future__ import annotations

import re
import subprocess
from collections import defaultdict
from typing import Any

import pytest
import yaml

from tests.dashboards.sources import DASHBOARDS, RULE_TESTS, RULES, rules
from tests.metrics.programs import program

ALERTS = [pytest.param(rule, id=rule["alert"]) for rule in rules("alert")]


def promtool(*arguments: object) -> str:
    """Run promtool, which must have no complaint."""
    command = [program("promtool"), *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def test_rules_are_sound() -> None:
    """promtool parses every expression and template."""
    output = promtool("check", "rules", "--lint=all", "--lint-fatal", *RULES)
    assert output.count("SUCCESS") == len(RULES)


def test_the_scrape_configuration_is_sound() -> None:
    """And finds the rules."""
    output = promtool("check", "config", DASHBOARDS / "prometheus" / "prometheus.yml")
    assert f"{len(RULES)} rule files found" in output


def test_rules_do_what_their_tests_say() -> None:
    """promtool evaluates them over made-up series."""
    promtool("test", "rules", *RULE_TESTS)


def test_recording_rules_are_named_by_convention() -> None:
    """level:metric:operations, where the level is a list of labels."""
    names = [rule["record"] for rule in rules("record")]
    assert [n for n in names if not re.fullmatch(r"[a-z_]+:stressd_[a-z_]+:[a-z0-9_]+", n)] == []


def test_every_recording_rule_is_tested() -> None:
    """Under its own name, or as part of another."""
    tested = "".join(path.read_text(encoding="utf-8") for path in RULE_TESTS)
    used = tested + "".join(rule["expr"] for rule in (*rules("record"), *rules("alert")))
    names = [rule["record"] for rule in rules("record")]
    siblings = {re.sub(r"p\d+_", "p_", name) for name in names if name in used}
    assert [n for n in names if re.sub(r"p\d+_", "p_", n) not in siblings] == []


@pytest.mark.parametrize("alert", ALERTS)
def test_an_alert_says_what_to_do(alert: dict[str, Any]) -> None:
    """How bad it is, what happened where, what it means, what to do now."""
    assert alert["labels"]["severity"] in ("critical", "warning")
    assert set(alert["annotations"]) == {"summary", "description", "runbook"}
    assert "$labels.instance" in alert["annotations"]["summary"]
    assert alert["alert"].startswith("Stressd")


def test_every_alert_is_tested_both_ways() -> None:
    """It fires for what it is meant for, and it keeps quiet otherwise."""
    seen: dict[str, set[bool]] = defaultdict(set)
    for path in RULE_TESTS:
        for test in yaml.safe_load(path.read_text(encoding="utf-8"))["tests"]:
            for case in test.get("alert_rule_test", ()):
                seen[case["alertname"]].add(bool(case["exp_alerts"]))
    assert dict(seen) == {rule["alert"]: {True, False} for rule in rules("alert")}
