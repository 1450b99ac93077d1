"""The rules of Grafana's dashboard linter, and ours, on every dashboard."""

from __future__ import annotations

import re
from typing import Any

import pytest

from tests.dashboards.sources import (
    Expression,
    annotation_expressions,
    dashboards,
    panel_expressions,
    panels,
    variable_queries,
    without_grouping,
)

BOARDS = dashboards()
PANELS = [
    pytest.param(panel, id=f"{board['uid']}-{panel['id']}")
    for board in BOARDS.values()
    for panel in panels(board)
]
QUERIES = [*panel_expressions(), *annotation_expressions()]
DATASOURCE = {"type": "prometheus", "uid": "${datasource}"}
BRACES = re.compile(r"(\w+)\{([^}]*)\}")
BARE = re.compile(r"\b(?:stressd|process|python)_[a-z0-9_]+\b(?!\{)(?=\s*[\[)\s]|$)")
COUNTER = re.compile(r"\w+_(?:total|bucket|count|sum)\{")

each_board = pytest.mark.parametrize("board", BOARDS.values(), ids=BOARDS)
each_panel = pytest.mark.parametrize("panel", PANELS)
each_query = pytest.mark.parametrize("query", QUERIES, ids=str)


@each_board
def test_a_dashboard_has_a_fixed_identity(board: dict[str, Any]) -> None:
    """Links to it survive an update, and it is found by its tag."""
    assert board["uid"].startswith("stressd-")
    assert board["tags"] == ["stressd"]
    assert board["description"]


@each_board
def test_a_dashboard_is_changed_in_its_source_only(board: dict[str, Any]) -> None:
    """Not editable, the crosshair is shared, and the others are linked by tag."""
    assert board["editable"] is False
    assert board["graphTooltip"] == 1
    assert [link["tags"] for link in board["links"]] == [["stressd"]]
    assert all(link["includeVars"] and link["keepTime"] for link in board["links"])


@each_board
def test_panels_have_ids_that_follow_from_their_place(board: dict[str, Any]) -> None:
    """So that links to a panel stay valid while it keeps its place."""
    assert [p["id"] for p in board["panels"]] == list(range(1, len(board["panels"]) + 1))


@each_board
def test_panels_do_not_overlap(board: dict[str, Any]) -> None:
    """Each cell of the grid of 24 columns has one panel at most."""
    taken: set[tuple[int, int]] = set()
    for panel in board["panels"]:
        at = panel["gridPos"]
        rows, columns = range(at["y"], at["y"] + at["h"]), range(at["x"], at["x"] + at["w"])
        cells = {(row, column) for row in rows for column in columns}
        assert not cells & taken
        assert columns.stop <= 24
        taken |= cells


@each_board
def test_panel_titles_are_unique(board: dict[str, Any]) -> None:
    """Whoever talks about a panel names it by its title."""
    titles = [panel["title"] for panel in panels(board)]
    assert len(titles) == len(set(titles))


@each_board
def test_the_data_source_can_be_chosen(board: dict[str, Any]) -> None:
    """The first variable is the Prometheus to ask."""
    first = board["templating"]["list"][0]
    assert (first["name"], first["type"], first["query"]) == (
        "datasource",
        "datasource",
        "prometheus",
    )


@each_board
@pytest.mark.parametrize("name", ["job", "instance"])
def test_targets_can_be_chosen(board: dict[str, Any], name: str) -> None:
    """Several or all of them, and new ones appear with the time range."""
    (variable,) = (v for v in board["templating"]["list"] if v["name"] == name)
    assert variable["multi"] is True
    assert variable["includeAll"] is True
    assert variable["allValue"] == ".+"
    assert variable["refresh"] == 2
    assert variable["datasource"] == DATASOURCE


@each_board
def test_every_variable_has_a_label(board: dict[str, Any]) -> None:
    """In words, for the head of the page."""
    assert all(variable["label"] for variable in board["templating"]["list"])


@each_panel
def test_a_panel_says_what_it_shows(panel: dict[str, Any]) -> None:
    """Title, description and unit."""
    assert panel["title"]
    assert panel["description"].endswith(".")
    assert panel["fieldConfig"]["defaults"]["unit"]


@each_panel
def test_a_panel_asks_the_chosen_data_source(panel: dict[str, Any]) -> None:
    """The panel and each of its queries, of which there is at least one."""
    assert panel["datasource"] == DATASOURCE
    assert panel["targets"]
    for target in panel["targets"]:
        assert target["datasource"] == DATASOURCE
    letters = [target["refId"] for target in panel["targets"]]
    assert len(letters) == len(set(letters))


@each_panel
def test_series_of_a_panel_can_be_told_apart(panel: dict[str, Any]) -> None:
    """Each query of a graph has a legend if there is more than one series."""
    if panel["type"] in ("timeseries", "heatmap", "state-timeline"):
        for target in panel["targets"]:
            assert target["legendFormat"]


@each_query
def test_every_selector_is_of_the_chosen_targets(query: Expression) -> None:
    """No series of another job can slip in."""
    for name, matchers in BRACES.findall(query.expr):
        assert matchers.startswith('job=~"$job",instance=~"$instance"'), name
    assert BARE.findall(without_grouping(query.expr)) == []


@each_query
def test_every_range_is_the_rate_interval(query: Expression) -> None:
    """Grafana makes it long enough for the scrape interval."""
    assert set(re.findall(r"\[([^\]]+)\]", query.expr)) <= {"$__rate_interval"}


@each_query
def test_counters_are_shown_as_rates(query: Expression) -> None:
    """A bare counter shows how long the process has run, and little else."""
    for match in COUNTER.finditer(query.expr):
        assert re.search(r"(rate|increase)\($", query.expr[: match.start()]), match[0]


@pytest.mark.parametrize("query", variable_queries(), ids=str)
def test_choices_depend_on_the_choices_before_them(query: Expression) -> None:
    """Only the jobs themselves are chosen from everything."""
    if not query.where.endswith("$job"):
        assert 'job=~"$job"' in query.expr
