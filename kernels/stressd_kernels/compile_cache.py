"""Where compiled kernels are kept between runs, so that a stale one can never be loaded.

Numba keys its cache by the file of the function alone: it does not notice a changed callee or
constant in another module. So the folder is named by a hash of *all* kernel sources, of the
versions of numba and llvmlite, of the optimisation level and of the build: whatever could
change the machine code changes the folder. (The processor's name and features are already in
numba's own key.)

    <base>/<16 hex digits>/     base: $STRESSD_CACHE_DIR, else $XDG_CACHE_HOME/stressd,
                                else ~/.cache/stressd, else a folder under /tmp
"""

import contextlib
import hashlib
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import llvmlite
import numba
from numba.core import config

PACKAGE = Path(__file__).resolve().parent


def base_folder() -> Path:
    """Return the first candidate that can be created and written."""
    home = os.environ.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache")
    candidates = [
        os.environ.get("STRESSD_CACHE_DIR"),
        os.path.join(home, "stressd"),
        os.path.join(tempfile.gettempdir(), f"stressd-cache-{os.getuid()}"),
    ]
    for candidate in filter(None, candidates):
        folder = Path(candidate)
        with contextlib.suppress(OSError):
            folder.mkdir(parents=True, exist_ok=True)
            if os.access(folder, os.W_OK | os.X_OK):
                return folder
    raise OSError("no folder for compiled kernels can be written; set STRESSD_CACHE_DIR to one")


def fingerprint(build: str) -> str:
    """Return 16 hex digits that change whenever any kernel could compile differently."""
    digest = hashlib.sha256()
    for part in (numba.__version__, llvmlite.__version__, str(config.OPT), build):
        digest.update(part.encode() + b"\0")
    for path in sorted(PACKAGE.rglob("*.py")):
        digest.update(str(path.relative_to(PACKAGE)).encode() + b"\0")
        digest.update(path.read_bytes() + b"\0")
    return digest.hexdigest()[:16]


def folder(build: str) -> Path:
    """Return the cache folder of this build of these sources (created when first written)."""
    return base_folder() / fingerprint(build)


@contextlib.contextmanager
def cached_in(path: Path) -> Iterator[None]:
    """Make numba choose `path` for the functions decorated inside, and for no others."""
    before = config.CACHE_DIR
    config.CACHE_DIR = str(path)
    try:
        yield
    finally:
        config.CACHE_DIR = before
