"""Files that come with stressd, in a wheel and in a checkout."""

from __future__ import annotations

from pathlib import Path

import pytest

from stressd import resources
from stressd.errors import UsageError
from tests.replay.folder import KNOWN


def test_the_recordings_come_with_their_maps() -> None:
    """Each has a name, and final maps to be compared with."""
    found = resources.recordings()
    assert sorted(found) == sorted(KNOWN)
    for path in found.values():
        assert Path(str(path).replace(".trace.", ".maps.")).is_file()


def test_a_checkout_keeps_configurations_at_its_top(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """An editable install has no data folder for them."""
    package = tmp_path / "stressd"
    package.mkdir()
    monkeypatch.setattr(resources, "PACKAGE", package)
    monkeypatch.setattr(resources, "CHECKOUT", tmp_path)
    assert resources.configs() == {}
    for name in ("configs/a.yaml", "configs/b.yml", "configs/note.txt", "dashboards/c.json"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.touch()
    folder = tmp_path / "configs"
    assert resources.configs() == {"a": folder / "a.yaml", "b": folder / "b.yml"}
    assert list(resources.dashboards()) == ["c"]


def test_an_installed_package_brings_its_own(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """What lies in the package comes first, whatever lies around it."""
    package = tmp_path / "stressd"
    inside = package / "data" / "configs"
    inside.mkdir(parents=True)
    (inside / "a.yaml").touch()
    (tmp_path / "configs").mkdir()
    monkeypatch.setattr(resources, "PACKAGE", package)
    monkeypatch.setattr(resources, "CHECKOUT", tmp_path)
    assert resources.configs() == {"a": inside / "a.yaml"}


def test_a_recording_is_a_name_or_a_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A name that we ship is ours; everything else is a path, whether it exists or not."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine").touch()
    assert resources.recording("ls") == str(resources.recordings()["ls"])
    for path in ("mine", "./ls", "x.trace", "folder/x"):
        assert resources.recording(path) == path
    with pytest.raises(UsageError, match=r"sqlit: no such file, .* did you mean sqlite\?"):
        resources.recording("sqlit")
