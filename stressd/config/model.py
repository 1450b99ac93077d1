"""What a configuration may say: one frozen, strict model per section.

Unknown keys are errors, nothing is converted silently (`"4"` is no number, `1` is no boolean),
and values with a unit are parsed into the types of `units`. The JSON Schema for editors comes
from the same classes (`schema`), so every field has a description. What needs two keys, or a
look at this machine, is checked in `checks`, where the offending key can be named.

    Config
    +- version
    +- run       how long, from which seed, in which build
    +- tree      the structure under test
    +- source    Synthetic | Maps | Recording: where its entries come from
    +- workers   who does what to it
    +- checks    what is verified meanwhile
    +- metrics   where to scrape
    +- output    where results go
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainValidator,
    WithJsonSchema,
)

from stressd import limits
from stressd.config import fields
from stressd.config.fields import between
from stressd.config.units import Address, Duration, Size


class Frozen(BaseModel):
    """A section: its keys are exactly its fields, and it never changes."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)


class Run(Frozen):
    """How long to run, from which seed, in which build."""

    name: fields.Name = Field(
        default="run",
        description="Name of the run; that of the file when left out.",
        json_schema_extra={"default": None},
    )
    duration: Annotated[
        Duration, between(Duration.of(limits.DURATION_MIN), Duration.of(limits.DURATION_MAX))
    ] = Field(
        default=Duration.parse("20s"), description="How long the workers work: 20s, 1h30m, 24h."
    )
    operations: int | None = Field(
        default=None,
        ge=1,
        le=limits.OPERATIONS_MAX,
        description="End after so many operations of all workers, if they come before the end; "
        "some more are done until that is noticed.",
    )
    seed: int = Field(
        default=1,
        ge=0,
        le=limits.SEED_MAX,
        description="Seed of all random choices. The same seed draws the same operations.",
    )
    build: Literal["fast", "checking", "perturbed"] = Field(
        default="fast",
        description="fast; checking: generations compared at each step, reservations held to, "
        "poison; perturbed: checking, and random delays at every ordering site.",
    )
    slice: Annotated[
        Duration, between(Duration.of(limits.SLICE_MIN), Duration.of(limits.SLICE_MAX))
    ] = Field(
        default=Duration.parse("20ms"),
        description="Longest stretch a worker runs without looking up, 5ms to 50ms.",
    )
    sample: Annotated[
        Duration, between(Duration.of(limits.SAMPLE_MIN), Duration.of(limits.SAMPLE_MAX))
    ] = Field(
        default=Duration.parse("1s"),
        description="Time between two samples of all counters, 100ms to 1m.",
    )
    stall_after: Annotated[
        Duration, between(Duration.of(limits.STALL_MIN), Duration.of(limits.STALL_MAX))
    ] = Field(
        default=Duration.parse("10s"),
        description="A worker without progress for this long is stalled, 1s to 1h.",
    )


class Tree(Frozen):
    """The structure under test and the memory it lives in."""

    structure: Literal["maple"] = Field(default="maple", description="Which structure to test.")
    gaps: bool = Field(default=True, description="Keep track of free ranges, for gap searches.")
    arena: Annotated[Size, between(Size.of(limits.ARENA_MIN), Size.of(limits.ARENA_MAX))] = Field(
        default=Size.parse("4GiB"),
        description="Most memory for nodes; reserved at once, used as needed. 16MiB to 64GiB.",
    )
    poison: bool = Field(
        default=True,
        description="Fill freed nodes with values that no reader may ever see.",
    )


class Synthetic(Frozen):
    """Entries made up: the key space is cut into equal cells, one entry or none in each."""

    kind: Literal["synthetic"]
    entries: int = Field(ge=1, le=limits.ENTRIES_MAX, description="Number of cells.")
    cell: Annotated[
        Size,
        between(Size.of(limits.CELL_MIN), Size.of(limits.KEY_SPACE)),
        AfterValidator(fields.power_of_two),
    ] = Field(
        default=Size.parse("64KiB"),
        description="Keys of one cell: a power of two, 16B or more.",
    )
    fill: float = Field(default=0.7, ge=0, le=1, description="Share of cells filled at the start.")
    wide: float = Field(
        default=0.05,
        ge=0,
        le=1,
        description="Share of stores that span several cells.",
    )


class Maps(Frozen):
    """The mappings of a process, live or from a saved /proc/PID/maps."""

    model_config = ConfigDict(
        json_schema_extra={"oneOf": [{"required": ["pid"]}, {"required": ["file"]}]}
    )

    kind: Literal["maps"]
    pid: fields.Pid | None = Field(default=None, description="Process to read: its id, or self.")
    file: Annotated[Path | None, PlainValidator(fields.input_path), fields.PATH_SCHEMA] = Field(
        default=None,
        description="Saved /proc/PID/maps; a relative path starts at this file's folder.",
    )


class Recording(Frozen):
    """Changes of address spaces recorded from real programs, replayed into live trees."""

    kind: Literal["recording"]
    files: Annotated[
        tuple[Annotated[str, Field(min_length=1), AfterValidator(fields.recording)], ...],
        Field(strict=False),
    ] = Field(
        min_length=1,
        max_length=limits.RECORDINGS_MAX,
        description="Paths of .trace or .trace.gz files, or names of recordings that are shipped.",
    )
    loop: bool = Field(default=True, description="Start over at the end of a recording.")


Source = Annotated[Synthetic | Maps | Recording, Field(discriminator="kind")]


class UniformKeys(Frozen):
    """Every key is as likely as any other."""

    kind: Literal["uniform"]


class ZipfianKeys(Frozen):
    """Few keys are drawn very often, most hardly ever."""

    kind: Literal["zipfian"]
    theta: float = Field(default=0.99, gt=0, lt=1, description="Skew: 0.99 is YCSB's.")


Keys = Annotated[UniformKeys | ZipfianKeys, Field(discriminator="kind")]


class Worker(Frozen):
    """Threads that all do the same mix of operations: one workload."""

    name: fields.Name = Field(description="Name of the workload in metrics and tables.")
    threads: int = Field(
        default=1, ge=1, le=limits.THREADS_MAX, description="Threads that do this."
    )
    mix: Annotated[dict[fields.Op, fields.Weight], WithJsonSchema(fields.MIX_SCHEMA)] = Field(
        min_length=1,
        description="Operations and their relative weights, which need not add up to anything.",
    )
    keys: Keys = Field(default=UniformKeys(kind="uniform"), description="How keys are drawn.")
    timing: Literal["sampled", "every"] = Field(
        default="sampled",
        description="Time one operation in 64, or every one (which costs throughput).",
    )


class Checks(Frozen):
    """What is verified while the workers work."""

    structure_every: Annotated[
        Duration,
        between(Duration.of(limits.CHECK_MIN), Duration.of(limits.CHECK_MAX), or_zero=True),
    ] = Field(
        default=Duration.parse("5s"),
        description="Time between two walks of the whole structure; 0 checks only at the end.",
    )
    values: bool = Field(default=True, description="Check every value read against its range.")


class Metrics(Frozen):
    """The HTTP endpoint: /metrics, /healthz, /readyz."""

    enabled: bool = Field(default=True, description="Serve them at all.")
    listen: Address = Field(
        default=Address.parse("127.0.0.1:9478"),
        description="host:port to listen on; port 0 takes any free one.",
    )


class Output(Frozen):
    """Folders and files for results."""

    runs: Annotated[Path, PlainValidator(fields.folder), fields.PATH_SCHEMA] = Field(
        default=Path("runs"),
        description="Folder of run folders; a relative path starts where the command runs.",
    )
    trace: Annotated[Path | None, PlainValidator(fields.output_file), fields.PATH_SCHEMA] = Field(
        default=None,
        description="File for the trace events of address spaces, compressed if it ends in .gz; "
        "a relative path starts where the command runs. None is written when left out.",
    )
    trace_max: Annotated[
        Size, between(Size.of(limits.TRACE_FILE_MIN), Size.of(limits.TRACE_FILE_MAX))
    ] = Field(
        default=Size.parse("1GiB"),
        description="Size of that file at which the trace ends and the run goes on, 1MiB to 1TiB.",
    )


class Config(Frozen):
    """One run of stressd."""

    version: Annotated[Literal[1], BeforeValidator(fields.exactly_one)] = Field(
        description="Version of this format: 1."
    )
    run: Run = Field(default=Run(), description="How long, from which seed, in which build.")
    tree: Tree = Field(default=Tree(), description="The structure under test.")
    source: Source = Field(description="Where the entries come from.")
    workers: Annotated[tuple[Worker, ...], Field(strict=False)] = Field(
        min_length=1,
        max_length=limits.WORKLOADS_MAX,
        description="Who does what to the tree.",
    )
    checks: Checks = Field(default=Checks(), description="What is verified meanwhile.")
    metrics: Metrics = Field(default=Metrics(), description="Where to scrape.")
    output: Output = Field(default=Output(), description="Where results go.")
