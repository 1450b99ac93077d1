"""What Grafana is given to start with fits together, and the README names what exists."""

from __future__ import annotations

import re

import yaml

from tests.dashboards.sources import DASHBOARDS, dashboards

PROVISIONING = DASHBOARDS / "provisioning"
README = (DASHBOARDS / "README.md").read_text(encoding="utf-8")


def load(path: str) -> dict:
    """Return one file of the provisioning folder."""
    return yaml.safe_load((PROVISIONING / path).read_text(encoding="utf-8"))


def test_there_is_one_data_source_and_it_is_the_default() -> None:
    """The variable of the dashboards then needs no choice."""
    (source,) = load("datasources/prometheus.yaml")["datasources"]
    assert (source["type"], source["isDefault"]) == ("prometheus", True)


def test_the_data_source_is_the_prometheus_of_the_readme() -> None:
    """At the address that the command of the README listens on."""
    (source,) = load("datasources/prometheus.yaml")["datasources"]
    assert f"--web.listen-address={source['url'].removeprefix('http://')}\n" in README


def test_grafana_knows_how_often_prometheus_scrapes() -> None:
    """Or its rate interval would be too short or too long."""
    (source,) = load("datasources/prometheus.yaml")["datasources"]
    text = (DASHBOARDS / "prometheus" / "prometheus.yml").read_text(encoding="utf-8")
    assert source["jsonData"]["timeInterval"] == yaml.safe_load(text)["global"]["scrape_interval"]


def test_dashboards_come_from_the_folder_of_the_readme() -> None:
    """Named by a variable, for the path of a checkout differs everywhere."""
    (provider,) = load("dashboards/stressd.yaml")["providers"]
    variable = provider["options"]["path"].removeprefix("$")
    assert f"{variable}=$PWD/dashboards/grafana " in README


def test_the_readme_names_what_exists() -> None:
    """Files, folders and dashboards."""
    root = DASHBOARDS.parent
    for path in re.findall(r"(?:dashboards|configs|tests)/[\w./*-]+", README):
        assert list(root.glob(path)), path
    for uid in re.findall(r"/d/([\w-]+)", README):
        assert uid in {board["uid"] for board in dashboards().values()}
