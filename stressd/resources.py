"""Files that come with stressd: configurations, dashboards, recordings.

In an installed package all of them lie in stressd/data. In a checkout that was installed with
`pip install -e`, configurations and dashboards lie at its top, where they are edited.

    name           file
    configs        quickstart       quickstart.yaml
    dashboards     overview         overview.json
    recordings     ls               ls.trace.gz, and beside it the final mappings, ls.maps.gz,
                                    and the system calls of the same run, ls.strace.gz
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from pathlib import Path

from stressd.errors import UsageError

PACKAGE = Path(__file__).resolve().parent
CHECKOUT = PACKAGE.parent
RECORDING_SUFFIXES = (".trace", ".trace.gz")


def configs() -> Mapping[str, Path]:
    """Return the configurations by name."""
    return _by_name(_folder("configs"), (".yaml", ".yml"))


def dashboards() -> Mapping[str, Path]:
    """Return the Grafana dashboards by name."""
    return _by_name(_folder("dashboards"), (".json",))


def recordings() -> Mapping[str, Path]:
    """Return the recordings by name."""
    return _by_name(PACKAGE / "data" / "recordings", RECORDING_SUFFIXES)


def recording(name_or_path: str) -> str:
    """Return the path of a recording, given that or the name of one that comes with stressd."""
    shipped = recordings()
    if name_or_path in shipped:
        return str(shipped[name_or_path])
    is_name = Path(name_or_path).name == name_or_path and "." not in name_or_path
    if is_name and not Path(name_or_path).exists():
        known = ", ".join(shipped)
        close = difflib.get_close_matches(name_or_path, shipped, n=1)
        hint = f"; did you mean {close[0]}?" if close else ""
        raise UsageError(f"{name_or_path}: no such file, nor one of {known}{hint}")
    return name_or_path


def _folder(name: str) -> Path:
    """Return where the files of one kind lie in this installation."""
    installed = PACKAGE / "data" / name
    return installed if installed.is_dir() else CHECKOUT / name


def _by_name(folder: Path, suffixes: Iterable[str]) -> dict[str, Path]:
    """Return the files of a folder that have one of the suffixes, by what stands before it."""
    files = sorted(folder.iterdir()) if folder.is_dir() else []
    return {
        path.name.removesuffix(suffix): path
        for path in files
        for suffix in suffixes
        if path.name.endswith(suffix)
    }
