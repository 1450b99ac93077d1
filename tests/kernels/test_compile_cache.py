"""Where compiled kernels are kept: a folder that can be written, and that nobody else fills."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from stressd_kernels import compile_cache

Begin = Callable[..., None]
SHARED = f"stressd-cache-{os.getuid()}"


@pytest.fixture
def begin(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Begin:
    """Return what sets the variables of a user, whose temporary files go to tmp_path."""

    def set_up(**variables: str) -> None:
        for name in ("STRESSD_CACHE_DIR", "XDG_CACHE_HOME", "HOME"):
            monkeypatch.delenv(name, raising=False)
        for name, value in variables.items():
            monkeypatch.setenv(name, value)
        monkeypatch.setattr("tempfile.tempdir", str(tmp_path))

    return set_up


def test_the_folder_that_is_named_comes_first(begin: Begin, tmp_path: Path) -> None:
    """Then the one for caches, then the one in the user's home."""
    chosen, caches, home = (str(tmp_path / name) for name in "abc")
    begin(STRESSD_CACHE_DIR=chosen, XDG_CACHE_HOME=caches, HOME=home)
    assert compile_cache.base_folder() == Path(chosen)
    begin(XDG_CACHE_HOME=caches, HOME=home)
    assert compile_cache.base_folder() == Path(caches, "stressd")
    begin(HOME=home)
    assert compile_cache.base_folder() == Path(home, ".cache", "stressd")


@pytest.mark.parametrize("home", ["/proc/nowhere", "~", "here"])
def test_without_a_home_it_is_among_temporary_files(
    begin: Begin, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, home: str
) -> None:
    """One that cannot be written, or is no place; nothing is made where one happens to be."""
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    begin(HOME=home)
    assert compile_cache.base_folder() == tmp_path / SHARED
    assert (tmp_path / SHARED).stat().st_mode & 0o777 == 0o700
    assert os.listdir(tmp_path / "here") == []


def test_a_folder_that_others_may_fill_is_not_used(begin: Begin, tmp_path: Path) -> None:
    """What is in the cache is run: no symbolic link, nothing that others may write."""
    begin(HOME="/proc/nowhere")
    (tmp_path / "theirs").mkdir()
    (tmp_path / SHARED).symlink_to(tmp_path / "theirs")
    with pytest.raises(OSError, match="set STRESSD_CACHE_DIR"):
        compile_cache.base_folder()
    (tmp_path / SHARED).unlink()
    (tmp_path / SHARED).mkdir()
    (tmp_path / SHARED).chmod(0o777)
    with pytest.raises(OSError, match="set STRESSD_CACHE_DIR"):
        compile_cache.base_folder()


def test_another_build_or_another_place_is_another_folder(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """What is found in one was compiled for it."""
    seen = {compile_cache.fingerprint(build) for build in ("fast", "checking")}
    monkeypatch.setattr(compile_cache, "PACKAGE", tmp_path)
    seen.add(compile_cache.fingerprint("fast"))
    assert len(seen) == 3


def test_what_was_not_used_for_long_is_removed_when_another_comes(
    begin: Begin, tmp_path: Path
) -> None:
    """Folders of compiled kernels alone, and only those that no process took meanwhile."""
    begin(STRESSD_CACHE_DIR=str(tmp_path))
    long_ago = time.time() - (compile_cache.KEEP_DAYS + 1) * 86_400
    names = "0123456789abcdef", "0" * 16, "f" * 16, "somebody's", "no-hex-but-16-ch"
    for name in names:
        (tmp_path / name / "of").mkdir(parents=True)
        if name != "f" * 16:
            (tmp_path / name / "of" / "kernel.nbi").touch()
        if name != "0" * 16:
            os.utime(tmp_path / name, (long_ago, long_ago))
    chosen = compile_cache.folder("fast")
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(names[1:])
    chosen.mkdir()
    os.utime(chosen, (long_ago, long_ago))
    assert compile_cache.folder("fast") == chosen
    assert chosen.stat().st_mtime > long_ago + 86_400
