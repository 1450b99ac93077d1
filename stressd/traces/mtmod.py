"""The `mt_mod` log: what the kernel prints when it changes the tree of an address space.

    line      = [prefix] event
    prefix    = comm "-" tid [ "(" tgid | dashes ")" ] "[" cpu "]" [flags] time ":" name ":"
              | comm pid ["/" tid] "[" cpu "]" time ":" "mmap:" name ":"
    event     = "mt_mod" tree "," body
    body      = "(" pointer ")," "STORE," first "," last ","
              | "(NULL)," "SNULL," first "," last ","
              | "DESTROY"
    event     = "addr=" x "err=" d "total_vm=" x "flags=" x "len=" x "lo=" x "hi=" x
                "mask=" x "ofs=" x ["mm=" tree]                (name: vm_unmapped_area)

The first prefix is that of ftrace, the second that of perf script, and there may be none. The
event is what counts: it is looked for from the right, as a comm may hold blanks, dashes, colons
and anything else, and the prefix is only asked for the process, as far as it tells. Numbers
are unsigned 64-bit and `last` belongs to the range. A DESTROY may be followed by a blank line.

No kernel says whether a mapping grows down, as stacks do. Traces that stressd writes say it in a
comment on the line before a store of such a one, "# (pointer) grows down", and that they do so at
their beginning: ANNOUNCES.

Lines of other events are passed over. Four kinds of line are remembered in `problems`:
    lost      it tells that events never reached the file
    unread    it announces an event and does not parse. The tree is not known from there on, so
              a `Lost` takes its place
    odd       SNULL with first above last: an empty range, which some kernels print. Ignored
    a search without mm= cannot be asked, as no one knows in which tree: counted, the first noted
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from stressd.traces.events import (
    HIDDEN,
    KEY_MAX,
    Destroy,
    Erase,
    Event,
    Lost,
    Search,
    Store,
)
from stressd.traces.textfile import TextFile, TraceError

NAME = "mt_mod"
PROBLEMS_KEPT = 10  # of one recording; the counts go on
PIDS_KEPT = 4096  # prefixes whose process is remembered: they repeat from line to line
OPENING = ord("(")
SHOWN_MAX = 100  # characters of a bad line in a message

POINTER = rb"(?:0[xX])?[0-9a-fA-F]{1,16}|\((?:null|nil|____ptrval____)\)"
TREE = rb"mt_mod (" + POINTER + rb"), "
STORE = rb"\((?:(" + POINTER + rb")\), STORE|(?:NULL|\(null\)|\(nil\))\), SNULL), "
RANGE = re.compile(TREE + STORE + rb"([0-9]{1,20}), ([0-9]{1,20}),\s*\Z")
DESTROY = re.compile(TREE + rb"DESTROY\s*\Z")
SEARCH = re.compile(
    rb"addr=(0x[0-9a-f]{1,16}) err=(-?[0-9]{1,19}) total_vm=0x[0-9a-f]{1,16} "
    rb"flags=(0x[0-9a-f]{1,16}) len=(0x[1-9a-f][0-9a-f]{0,15}) lo=(0x[0-9a-f]{1,16}) "
    rb"hi=(0x[0-9a-f]{1,16}) mask=(0x[0-9a-f]{1,16}) ofs=(0x[0-9a-f]{1,16})"
    rb"(?: mm=(" + POINTER + rb"))?\s*\Z"
)
ANNOUNCED = re.compile(
    rb"(?:vma_mt_store|vma_mt_szero|vma_mas_szero|vma_store|exit_mmap|vm_unmapped_area): "
)
LOST = re.compile(rb"\bLOST ([0-9]{1,19}) (?:EVENTS|events)")
OVERWRITTEN = re.compile(rb"# entries-in-buffer/entries-written: ([0-9]{1,19})/([0-9]{1,19})")
ANNOUNCES = b"# mappings that grow down are announced"
GROWS = re.compile(rb"# \((" + POINTER + rb")\) grows down\s*\Z")
FTRACE = re.compile(
    rb".*-([0-9]{1,10})(?:\s+\(\s*(?:([0-9]{1,10})|-+)\s*\))?(?:\s+\[[0-9]+\].*)?\s*\Z", re.DOTALL
)
PERF = re.compile(rb".*\s([0-9]{1,10})(?:/[0-9]{1,10})?\s+\[[0-9]+\].*", re.DOTALL)

# What a bad event fails first: each pattern reaches a little further than the one before.
STEPS = (
    (TREE, "the address of a tree was expected after mt_mod"),
    (
        TREE + rb"(?:DESTROY|" + STORE + rb")",
        "DESTROY, (address), STORE or (NULL), SNULL was expected after the tree",
    ),
    (
        TREE + rb"(?:DESTROY|" + STORE + rb"[0-9]+, [0-9]+,)",
        "two numbers were expected, each with a comma behind it",
    ),
    (
        TREE + rb"(?:DESTROY|" + STORE + rb"[0-9]{1,20}, [0-9]{1,20},)",
        f"a number is above {KEY_MAX}",
    ),
)


def looks_like(head: bytes) -> bool:
    """Tell whether a file that begins with `head` may be such a log: other events may precede."""
    return True


class MtModLog:
    """One log of the mt_mod grammar, see EventLog."""

    format = NAME

    def __init__(self, source: TextFile) -> None:
        self.path = source.path
        self.unread = 0
        self.odd = 0
        self.unattributed = 0
        self.problems: list[str] = []
        self._source = source
        self._pids: dict[bytes, int | None] = {}
        self._growing: int | None = None  # named on the line before
        self._announces = False

    def __iter__(self) -> Iterator[Event]:
        """Yield every event; a text without a single one is not a recording."""
        number = events = 0
        for number, line in enumerate(self._source.lines(), 1):
            at = line.rfind(b"mt_mod ")
            event = self._change(line, at, number) if at >= 0 else self._other(line, number)
            if event is not None:
                events += 1
                yield event
        if events + self.odd + self.unattributed == 0:
            raise TraceError(f"{self.path}: not a recording: no event in its {number} lines")

    def _change(self, line: bytes, at: int, number: int) -> Event | None:
        """Return the event that begins at `at`; None if it means nothing."""
        match = RANGE.match(line, at)
        if match is None:
            return self._destroy(line, at, number)
        tree, vma, low, high = match.groups()
        first, last = int(low), int(high)
        mm = int(tree, 16) if tree[0] != OPENING else _pointer(tree)
        pid = self._pid(line[:at])
        if first > last or last > KEY_MAX:
            if vma is None and first <= KEY_MAX and last <= KEY_MAX:
                self._ignored(line, number)
                return None
            return self._failed(line, at, number)
        if vma is None:
            return Erase(mm, first, last, pid, number)
        if self._announces or self._growing is not None:
            growing, self._growing = self._growing, None
            grows = _pointer(vma) == growing or (False if self._announces else None)
            return Store(mm, _pointer(vma), first, last, pid, number, grows)
        return Store(mm, _pointer(vma), first, last, pid, number)

    def _destroy(self, line: bytes, at: int, number: int) -> Event | None:
        """Return the DESTROY at `at`, or what a line that parses as nothing stands for."""
        match = DESTROY.match(line, at)
        if match is not None:
            return Destroy(_pointer(match[1]), self._pid(line[:at]), number)
        before = line[:at]
        if not before.endswith(b": ") and (before.strip() or b": " in line[at:]):
            return self._other(line, number)  # mt_mod is the comm, or an argument, of its event
        return self._failed(line, at, number)

    def _other(self, line: bytes, number: int) -> Event | None:
        """Return the event of a line without mt_mod: a search, a loss, or none of ours."""
        at = line.rfind(b"addr=0x")
        if at >= 0 and (match := SEARCH.match(line, at)):
            return self._search(match, self._pid(line[:at]), number)
        if ANNOUNCED.search(line):
            return self._failed(line, 0, number)
        if b"LOST " in line and (match := LOST.search(line)):
            return self._lost(int(match[1]), line, number)
        if line.startswith(b"# entries-in") and (match := OVERWRITTEN.match(line)):
            missing = int(match[2]) - int(match[1])
            return self._lost(missing, line, number) if missing > 0 else None
        if line.startswith(b"# (") and (match := GROWS.match(line)):
            self._growing = _pointer(match[1])
        self._announces = self._announces or line == ANNOUNCES
        return None

    def _search(self, match: re.Match[bytes], pid: int | None, number: int) -> Event | None:
        """Return the search, unless it does not say in which tree."""
        address, error, flags, length, low, high, mask, offset, tree = match.groups()
        if tree is None:
            if not self.unattributed:
                self._note(number, "a search without mm=: nobody knows in which tree", match[0])
            self.unattributed += 1
            return None
        return Search(
            _pointer(tree),
            int(low, 16),
            int(high, 16),
            int(length, 16),
            int(mask, 16),
            int(offset, 16),
            int(flags, 16) & 1 == 1,
            int(address, 16),
            int(error),
            pid,
            number,
        )

    def _ignored(self, line: bytes, number: int) -> None:
        """Note an erase of nothing."""
        self.odd += 1
        self._note(number, "the first key is above the last; ignored", line)

    def _lost(self, missing: int, line: bytes, number: int) -> Lost:
        """Note that events never reached the file."""
        self._note(number, "events are missing from here on", line)
        return Lost(missing, number)

    def _failed(self, line: bytes, at: int, number: int) -> Lost:
        """Note an event that cannot be read."""
        self.unread += 1
        self._note(number, _complaint(line, at), line[at:])
        return Lost(1, number)

    def _note(self, number: int, problem: str, got: bytes) -> None:
        """Keep the first few problems, said in full."""
        if len(self.problems) < PROBLEMS_KEPT:
            text = got.decode("utf-8", "backslashreplace").strip()
            shown = text if len(text) <= SHOWN_MAX else text[:SHOWN_MAX] + "..."
            self.problems.append(f"{self.path}:{number}: {problem} (got {shown})")

    def _pid(self, prefix: bytes) -> int | None:
        """Return the process of a prefix, without time and name: those differ every time."""
        parts = prefix.rsplit(None, 2)
        if len(parts) < 3:
            return None
        try:
            return self._pids[parts[0]]
        except KeyError:
            if len(self._pids) >= PIDS_KEPT:
                self._pids.clear()
            pid = self._pids[parts[0]] = _process(parts[0])
            return pid


def _pointer(text: bytes) -> int:
    """Return a printed pointer as a number to compare."""
    if text[0] == OPENING:
        return HIDDEN if text == b"(____ptrval____)" else 0
    return int(text, 16)


def _process(prefix: bytes) -> int | None:
    """Return the process that a prefix names, its thread if it names only that, or None."""
    if match := FTRACE.match(prefix):
        return int(match[2] or match[1])
    if match := PERF.match(prefix):
        return int(match[1])
    return None


def _complaint(line: bytes, at: int) -> str:
    """Say what is wrong with the event at `at`, which parses as none."""
    if not line.startswith(b"mt_mod ", at):
        return "the event does not follow its name"
    for pattern, complaint in STEPS:
        if not re.match(pattern, line[at:]):
            return complaint
    match = RANGE.match(line, at)
    if match is None:
        return "the line was expected to end after the event"
    above = max(int(match[3]), int(match[4])) > KEY_MAX
    return f"a number is above {KEY_MAX}" if above else "the first key is above the last"
