"""The trace of a run: a file from the beginning, a tracer while there are workers."""

from __future__ import annotations

from stressd.config.model import Output
from stressd.evidence import TraceSample
from stressd.tracing.file import TraceFile
from stressd.tracing.tracer import Tracer
from stressd_kernels.mm.drain import Words


class Trace:
    """What `output.trace` asks for; nothing, where it does not."""

    def __init__(self, output: Output) -> None:
        """Create the file; TraceFileError if that cannot be."""
        self._file = TraceFile(output.trace, output.trace_max.bytes) if output.trace else None
        self._tracer: Tracer | None = None

    def begin(self, words: Words) -> None:
        """Write down all events from here on; there is no address space yet."""
        if self._file is not None:
            self._tracer = Tracer(words, self._file)
            self._tracer.begin()

    def end(self) -> None:
        """Write what is left; nobody makes events any more. Once is enough."""
        if self._tracer is not None:
            self._tracer.end()

    def sample(self) -> TraceSample | None:
        """Return what has been written so far."""
        return self._tracer.report if self._tracer else None

    def close(self) -> None:
        """Leave no file behind if nothing was begun."""
        if self._tracer is None and self._file is not None:
            self._file.forget()
        self.end()
