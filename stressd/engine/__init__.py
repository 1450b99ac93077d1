"""The engine: the arena, the trees and the workers of one run.

core        Engine: what a session calls                 seats      the words of a worker
compiling   making the kernels of a configuration ready  sampling   words into samples
checking    the structure of trees, the account of nodes findings   words into findings
"""

from __future__ import annotations

from stressd.engine.core import Engine, EngineError

__all__ = ["Engine", "EngineError"]
