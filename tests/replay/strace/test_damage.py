"""Whatever is done to a log or to its lists: an answer or a message, never a traceback."""

from __future__ import annotations

import gzip
import random
import re
from functools import cache
from pathlib import Path

import pytest

from stressd.errors import UserError
from stressd.replay.how import How
from stressd.replay.strace.model import MakeModel
from stressd.replay.strace.report import follow
from stressd.traces import open_calls
from tests.mm.adapter import spec_model
from tests.replay.strace.following import paths_of

DATA = Path(__file__).parent / "data"
SEEDS = 60
NUMBERS = [0, 1, 4095, 4096, 0x7FFFFFFFE000, 1 << 47, 1 << 63, (1 << 64) - 4096, (1 << 64) - 1]
MARKS = "09f<(,- \xff"


@cache
def on_kernels() -> MakeModel:
    """Return what makes models of the kernels, compared around each call."""
    from stressd.replay.strace.kernels import KernelModels

    return KernelModels(How(validate=1))


def damaged(lines: list[str], seed: int) -> list[str]:
    """Return the lines with a dozen of them changed, moved, doubled, cut or gone."""
    draw, found = random.Random(seed), list(lines)
    for _ in range(draw.randint(1, 12)):
        at = draw.randrange(len(found))
        line = found[at]
        match draw.randrange(7):
            case 0:
                del found[at]
            case 1:
                found.insert(at, draw.choice(found))
            case 2:
                found[at], found[0] = found[0], found[at]
            case 3:
                place = draw.randrange(len(line) + 1)
                found[at] = line[:place] + draw.choice(MARKS) + line[place + 1 :]
            case 4:
                found[at] = line[: draw.randrange(len(line) + 1)]
            case 5:
                found[at] = re.sub("0x[0-9a-f]+", lambda _: hex(draw.choice(NUMBERS)), line)
            case _:
                found[at] = re.sub(r"\b\d{4,}\b", lambda _: str(draw.choice(NUMBERS)), line)
    return found


def lines_of(path: Path) -> list[str]:
    """Return the first lines of a file."""
    return gzip.decompress(path.read_bytes()).decode("latin1").splitlines()[:400]


def write(path: Path, lines: list[str]) -> str:
    """Write lines as they are, and return the path."""
    path.write_bytes("\n".join(lines).encode("latin1"))
    return str(path)


@pytest.mark.parametrize("kind", ["spec", "kernels"])
@pytest.mark.parametrize("name", ["ls", "threads"])
def test_damage_is_counted(tmp_path: Path, name: str, kind: str) -> None:
    """Of the log; a wrong answer must not even look like a broken model."""
    log, maps = (
        paths_of(name) if name == "ls" else (DATA / f"{name}.{e}.gz" for e in ("strace", "maps"))
    )
    make = spec_model if kind == "spec" else on_kernels()
    lines, messages = lines_of(log), []
    for seed in range(SEEDS):
        path = write(tmp_path / "damaged.strace", damaged(lines, seed))
        try:
            report = follow(open_calls(path), How(), make, str(maps))
            assert "structure" not in {finding.oracle for finding in report.findings}
        except UserError as error:
            messages.append(str(error))
    assert all(message.startswith(str(tmp_path)) for message in messages)


def test_damaged_lists_are_told(tmp_path: Path) -> None:
    """A list that cannot be read is an error that names its line."""
    log, maps = paths_of("gcc")
    lines, messages = lines_of(maps), []
    for seed in range(SEEDS):
        path = write(tmp_path / "damaged.maps", damaged(lines, seed))
        try:
            follow(open_calls(str(log)), How(), on_kernels(), path)
        except UserError as error:
            messages.append(str(error))
    assert 0 < len(messages) < SEEDS
    assert all(message.startswith(str(tmp_path)) for message in messages)
