"""The dashboards and rules of the repository, taken apart for tests."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

DASHBOARDS = Path(__file__).resolve().parents[2] / "dashboards"
GRAFANA = sorted((DASHBOARDS / "grafana").glob("*.json"))
RULES = sorted((DASHBOARDS / "prometheus" / "rules").glob("*.yml"))
RULE_TESTS = sorted((DASHBOARDS / "prometheus" / "tests").glob("*.yml"))

METRIC = re.compile(r"(?<![\w:])(?:stressd|process|python)_[a-z0-9_]+\b")
NAME = r"(?:\w+:)?(?:stressd|process|python)_[\w:]+|up\b"
SELECTOR = re.compile(rf"(?<![\w:])(?:{NAME})(?:\{{[^}}]*\}})?")
GROUPING = re.compile(r"\b(?:by|on|without|ignoring)\s*\([^)]*\)")
LABEL_VALUES = re.compile(r"label_values\((?P<selector>.+), (?P<label>\w+)\)")

Json = dict[str, Any]


@dataclass(frozen=True)
class Expression:
    """One expression, and where it stands."""

    where: str
    expr: str

    def __str__(self) -> str:
        return self.where


def dashboards() -> dict[str, Json]:
    """Return the generated dashboards by file name."""
    return {path.name: json.loads(path.read_text(encoding="utf-8")) for path in GRAFANA}


def panels(board: Json) -> list[Json]:
    """Return the panels of a dashboard that show something."""
    return [panel for panel in board["panels"] if panel["type"] != "row"]


def panel_expressions() -> list[Expression]:
    """Return every query of every panel."""
    return [
        Expression(f"{board['uid']} / {panel['title']} / {target['refId']}", target["expr"])
        for board in dashboards().values()
        for panel in panels(board)
        for target in panel["targets"]
    ]


def annotation_expressions() -> list[Expression]:
    """Return every query of every annotation."""
    return [
        Expression(f"{board['uid']} / annotation {mark['name']}", mark["expr"])
        for board in dashboards().values()
        for mark in board["annotations"]["list"]
    ]


def rules(kind: str) -> list[Json]:
    """Return the rules of all files that are of `kind`: record or alert."""
    texts = (path.read_text(encoding="utf-8") for path in RULES)
    groups = [group for text in texts for group in yaml.safe_load(text)["groups"]]
    return [rule for group in groups for rule in group["rules"] if kind in rule]


def recordings() -> list[Expression]:
    """Return every recording rule."""
    return [Expression(rule["record"], rule["expr"]) for rule in rules("record")]


def alerts() -> list[Expression]:
    """Return every alert."""
    return [Expression(rule["alert"], rule["expr"]) for rule in rules("alert")]


def variable_queries() -> list[Expression]:
    """Return every query of every variable."""
    return [
        Expression(f"{board['uid']} / ${variable['name']}", variable["query"]["query"])
        for board in dashboards().values()
        for variable in board["templating"]["list"]
        if variable["type"] == "query"
    ]


def without_grouping(expr: str) -> str:
    """Return `expr` without the lists of labels in it, some of which are named like metrics."""
    return GROUPING.sub("", expr)


def selectors(expr: str) -> set[str]:
    """Return what an expression selects: names with their matchers, without ranges."""
    return set(SELECTOR.findall(without_grouping(expr)))


def base_names(expr: str) -> set[str]:
    """Return the metrics of an expression as the catalog names them."""
    names = set(METRIC.findall(re.sub(r"\{[^}]*\}", "", without_grouping(expr))))
    return {re.sub(r"_(bucket|sum|count)$", "", name) for name in names}
