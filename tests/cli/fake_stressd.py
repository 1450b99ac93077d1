"""The command line with the fake engine in place of the real one.

FAKE_TROUBLE    what the engine does wrong, see tests/session/fakes.py
FAKE_READY_FD   a descriptor that gets one byte when the first worker is at work
"""

from __future__ import annotations

import contextlib
import os
import sys
import types

from stressd.cli import main
from stressd.config.model import Config
from tests.session import fakes


def make_engine(config: Config) -> fakes.FakeEngine:
    """Return an engine that is in trouble if the environment says so."""
    trouble = os.environ.get("FAKE_TROUBLE", "")
    if trouble == "does_not_fit":
        raise fakes.EngineError("does not fit: 12 GiB are needed", "tree.arena")
    engine = fakes.FakeEngine(config, trouble)
    if descriptor := os.environ.get("FAKE_READY_FD"):

        def report() -> None:
            with contextlib.suppress(OSError):
                os.write(int(descriptor), b"!")

        engine.at_work = report
    return engine


if __name__ == "__main__":
    stand_in = types.ModuleType("stressd.engine")
    stand_in.Engine = make_engine  # type: ignore[attr-defined]
    stand_in.EngineError = fakes.EngineError  # type: ignore[attr-defined]
    sys.modules["stressd.engine"] = stand_in
    main()
