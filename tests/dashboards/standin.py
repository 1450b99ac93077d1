"""A process that serves the metrics of a run that never happened, until it is terminated."""

from __future__ import annotations

import time
from dataclasses import replace

import trio

from stressd.config.units import Address
from stressd.evidence import Sample
from stressd.web import make_app, serve
from tests.metrics.fakes import fake_sample, fake_source

STEP_SECONDS = 0.25


def at_work(sample: Sample) -> Sample:
    """Return `sample` with workers that made progress just now."""
    workers = tuple(replace(worker, last_progress=time.time()) for worker in sample.workers)
    return replace(sample, workers=workers)


async def main() -> None:
    """Serve on any port, and take a new sample each step."""
    source = fake_source(1)
    async with trio.open_nursery() as nursery:
        bound = await nursery.start(serve, Address.parse("127.0.0.1:0"), make_app(source))
        print(f"metrics  {bound.url}metrics", flush=True)
        second = 1
        while True:
            await trio.sleep(STEP_SECONDS)
            second += 1
            source.delayed(0.0004)
            source.sampled(at_work(fake_sample(second)))


if __name__ == "__main__":
    trio.run(main)
