"""Where compiled kernels are kept between runs, so that a stale one can never be loaded.

Numba keys its cache by the file of the function alone: it does not notice a changed callee or
constant in another module. So the folder is named by a hash of *all* kernel sources, of the
versions of numba and llvmlite, of the optimisation level and of the build: whatever could
change the machine code changes the folder. (The processor's name and features are already in
numba's own key. So is the place of the sources, which is in the hash too: then what is in the
folder is what will be found.)

    <base>/<16 hex digits>/     base: $STRESSD_CACHE_DIR, else $XDG_CACHE_HOME/stressd,
                                else ~/.cache/stressd, else a folder under /tmp

A folder is marked as used by each process that takes it. The first process of other sources
removes those that were not used for KEEP_DAYS.
"""

import contextlib
import hashlib
import os
import shutil
import stat
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import llvmlite
import numba
from numba.core import config

PACKAGE = Path(__file__).resolve().parent
KEEP_DAYS = 30  # what was used in that time is kept: a version takes some 50 MB


def candidates() -> Iterator[Path]:
    """Yield where the cache may be, in order.

    A user without a home (or a relative one, as "~" is if nobody knows it) has none there. What
    is in the cache is run, so below /tmp, where names can be guessed, it must be ours alone.
    """
    if chosen := os.environ.get("STRESSD_CACHE_DIR"):
        yield Path(chosen)
    home = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    if os.path.isabs(home):
        yield Path(home, "stressd")
    with contextlib.suppress(OSError):
        shared = Path(tempfile.gettempdir(), f"stressd-cache-{os.getuid()}")
        shared.mkdir(mode=0o700, exist_ok=True)
        about = shared.lstat()
        if about.st_uid == os.getuid() and stat.S_IMODE(about.st_mode) & 0o022 == 0:
            yield shared


def base_folder() -> Path:
    """Return the first candidate that can be created and written."""
    for folder in candidates():
        with contextlib.suppress(OSError):
            folder.mkdir(parents=True, exist_ok=True)
            if os.access(folder, os.W_OK | os.X_OK):
                return folder
    raise OSError("no folder for compiled kernels can be written; set STRESSD_CACHE_DIR to one")


def fingerprint(build: str) -> str:
    """Return 16 hex digits that change whenever any kernel could compile differently."""
    digest = hashlib.sha256()
    for part in (numba.__version__, llvmlite.__version__, str(config.OPT), build, str(PACKAGE)):
        digest.update(part.encode() + b"\0")
    for path in sorted(PACKAGE.rglob("*.py")):
        digest.update(str(path.relative_to(PACKAGE)).encode() + b"\0")
        digest.update(path.read_bytes() + b"\0")
    return digest.hexdigest()[:16]


def folder(build: str) -> Path:
    """Return the cache folder of this build of these sources (created when first written).

    It is marked as used; where it is a new one, those that nobody used for long are removed.
    """
    base = base_folder()
    chosen = base / fingerprint(build)
    try:
        os.utime(chosen)
    except OSError:
        forget_unused(base)
    return chosen


def forget_unused(base: Path) -> None:
    """Remove the folders of other sources that were not used for KEEP_DAYS.

    Only what bears such a name and holds compiled kernels: nothing else that may stand there.
    """
    oldest = time.time() - KEEP_DAYS * 86_400
    for other in base.glob("[0-9a-f]" * 16):
        with contextlib.suppress(OSError):
            if other.stat().st_mtime < oldest and next(other.rglob("*.nbi"), None):
                shutil.rmtree(other)


@contextlib.contextmanager
def cached_in(path: Path) -> Iterator[None]:
    """Make numba choose `path` for the functions decorated inside, and for no others."""
    before = config.CACHE_DIR
    config.CACHE_DIR = str(path)
    try:
        yield
    finally:
        config.CACHE_DIR = before
