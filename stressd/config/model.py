"""What a configuration may say: one frozen, strict model per section.

Unknown keys are errors, nothing is converted silently (`"4"` is no number, `1` is no boolean),
and values with a unit are parsed into the types of `units`. The JSON Schema for editors comes
from the same classes (`schema`), so every field has a description. What needs two keys, or a
look at this machine, is checked in `checks`, where the offending key can be named.

    Config
    +- version
    +- run       how long, from which seed, in which build
    +- tree      the structure under test
    +- source    Synthetic | Maps | Recording | AddressSpaces: where its entries come from
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
        description="Most memory for nodes; reserved at once, used as needed. 16MiB to 24GiB.",
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
    stage: Literal["all", "no-rbtree", "no-list", "no-cache"] | None = Field(
        default=None,
        description="Replay into address spaces with these structures beside the maple tree, as "
        "in address-spaces; into bare trees when left out.",
    )
    validation: fields.Validation = Field(
        default=1000,
        description="How often the structures of an address space are compared: inline, around "
        "each call; a number: after so many calls; off.",
    )


class Mappings(Frozen):
    """What is mapped: relative weights, which need not add up to anything."""

    anonymous: fields.Share = Field(default=50, description="Private anonymous memory.")
    file: fields.Share = Field(default=20, description="A part of a file, private.")
    shared_file: fields.Share = Field(default=6, description="A part of a file, shared.")
    shared: fields.Share = Field(default=5, description="Shared anonymous memory.")
    noreserve: fields.Share = Field(default=5, description="Private, MAP_NORESERVE.")
    stack: fields.Share = Field(default=3, description="Private, MAP_STACK.")
    grows_down: fields.Share = Field(default=4, description="Private, MAP_GROWSDOWN.")
    locked: fields.Share = Field(default=3, description="Private, MAP_LOCKED.")
    populate: fields.Share = Field(default=3, description="Private, MAP_POPULATE.")
    hugetlb: fields.Share = Field(default=1, description="Private huge pages, MAP_HUGETLB.")


class Places(Frozen):
    """Where it is wanted: relative weights."""

    anywhere: fields.Share = Field(default=60, description="Wherever there is room: a gap search.")
    hint: fields.Share = Field(default=15, description="Beside a mapping, if that is free.")
    fixed: fields.Share = Field(default=20, description="MAP_FIXED over or beside a mapping.")
    noreplace: fields.Share = Field(default=5, description="MAP_FIXED_NOREPLACE, likewise.")


class Lengths(Frozen):
    """How long a mapping is: relative weights; each length of a class is as likely."""

    small: fields.Share = Field(default=65, description="1 to 16 pages.")
    medium: fields.Share = Field(default=25, description="17 to 512 pages, which are 2 MiB.")
    large: fields.Share = Field(default=6, description="2 MiB to 64 MiB, in pages.")
    huge: fields.Share = Field(default=4, description="1 to 16 times 2 MiB: aligned to that.")


class SpaceLimits(Frozen):
    """What one address space may have."""

    map_count: int = Field(
        default=65_530,
        ge=limits.MAP_COUNT_MIN,
        le=limits.MAP_COUNT_MAX,
        description="Mappings (vm.max_map_count).",
    )
    address_space: fields.Bytes = Field(
        default=None, description="All mappings together (RLIMIT_AS); unlimited when left out."
    )
    data: fields.Bytes = Field(
        default=None, description="Private writable memory (RLIMIT_DATA); likewise."
    )
    locked: fields.Bytes = Field(
        default=None, description="Locked memory (RLIMIT_MEMLOCK); likewise."
    )
    stack: Annotated[Size, between(Size.of(limits.PAGE), Size.of(limits.KEY_SPACE // 4))] = Field(
        default=Size.parse("8MiB"), description="How far a stack grows (RLIMIT_STACK)."
    )


class AddressSpaces(Frozen):
    """Whole address spaces under the memory calls of many threads; they fork, exec and exit."""

    kind: Literal["address-spaces"]
    spaces: int = Field(
        default=8, ge=1, le=limits.SPACES_MAX, description="Address spaces at a time, at most."
    )
    at_start: int | None = Field(
        default=None,
        ge=1,
        le=limits.SPACES_MAX,
        description="Those that exist at the start, half of them when left out; forks make others.",
    )
    stage: Literal["all", "no-rbtree", "no-list", "no-cache"] = Field(
        default="all",
        description="Structures beside the maple tree: all (rb-tree, list and lookup cache); "
        "no-rbtree; no-list, which has no rb-tree either; no-cache, which has none of them.",
    )
    validation: fields.Validation = Field(
        default="inline",
        description="inline: all structures are compared around each call; a number: after so "
        "many calls; off.",
    )
    vmas: int = Field(
        default=200,
        ge=16,
        le=limits.MAP_COUNT_MAX,
        description="Mappings of one address space beyond which more is unmapped than mapped.",
    )
    topdown: float = Field(
        default=0.75,
        ge=0,
        le=1,
        description="Share of the first address spaces that are laid out from the top down; the "
        "others are from the bottom up.",
    )
    mappings: Mappings = Field(default=Mappings(), description="What is mapped.")
    places: Places = Field(default=Places(), description="Where it is wanted.")
    lengths: Lengths = Field(default=Lengths(), description="How long it is.")
    limits: SpaceLimits = Field(default=SpaceLimits(), description="Limits of each address space.")


Source = Annotated[Synthetic | Maps | Recording | AddressSpaces, Field(discriminator="kind")]


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
