"""Sources: where the entries of the trees come from, and who may write what where.

A source is made from its section of the configuration and the seats of the workers. It tells
the engine how many trees it wants, what they hold at first, and which words each worker's
kernels need; what is drawn and certified while the workers run is its compiled half,
`stressd_kernels.sources`. To add one: a file here, a file there, and a line in each list.
"""

from __future__ import annotations

from stressd.config.model import Config
from stressd.sources.address_spaces import AddressSpacesSource
from stressd.sources.base import Seat, Source, SourceError
from stressd.sources.maps import MapsSource
from stressd.sources.recording import RecordingSource
from stressd.sources.synthetic import SyntheticSource

SOURCES: dict[str, type[Source]] = {
    "synthetic": SyntheticSource,
    "maps": MapsSource,
    "recording": RecordingSource,
    "address-spaces": AddressSpacesSource,
}


def make_source(config: Config, seats: list[Seat]) -> Source:
    """Return the source that `config` asks for; SourceError if it cannot be had."""
    return SOURCES[config.source.kind](config, seats)


__all__ = ["SOURCES", "Seat", "Source", "SourceError", "make_source"]
