"""The arguments of system calls as strace prints them, read into the records of `calls`.

Numbers may be decimal, hex or octal, products (8192*1024) or names; flags may be names, numbers
or both, with or without a comment (0x3 /* PROT_READ|PROT_WRITE */); a descriptor may be followed
by its file (3</etc/passwd>), and a structure is a list of name=value in braces.

`CALLS` says for each call which arguments it has. What cannot be read is a `BadCall`, which says
why.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any

from stressd.traces import calls
from stressd.traces.calls import Call, Descriptor, Returned

Reader = Callable[[bytes], Any]
# Reads one call: its arguments, the file behind its result if that is told, and how it ended.
CallReader = Callable[[Sequence[bytes], str | None, Returned], Call | None]

# Inside a list of arguments: strings, files behind descriptors, and what parts and nests.
TOKEN = re.compile(
    rb'"(?:[^"\\]|\\.)*"|(?<=[0-9D])<(?!<)(?:[^<>]|<[^<>]*>)*>|/\*[^*]*\*/|[(){}\[\],]', re.DOTALL
)
COMMENT = re.compile(rb"\s*/\*[^*]*\*/\s*")
NUMBER = re.compile(rb"-?(?:0x[0-9a-fA-F]{1,16}|0[0-7]{0,22}|[1-9][0-9]{0,19})")
FILE = re.compile(rb"(-?[0-9]{1,10}|AT_FDCWD|0xf{8,16})(?:<(.*)>(?:\(deleted\))?)?", re.DOTALL)
STRING = re.compile(rb'"((?:[^"\\]|\\.)*)"(?:\.\.\.)?', re.DOTALL)
NUMBERS = {
    b"NULL": 0,
    b"RLIM64_INFINITY": calls.KEY_MAX,
    b"RLIM_INFINITY": calls.KEY_MAX,
    b"IPC_PRIVATE": 0,
}
LIMITS = {b"RLIMIT_STACK", b"RLIMIT_AS", b"RLIMIT_DATA", b"RLIMIT_MEMLOCK"}
SHIFT_MAX = 63
SHOWN_MAX = 40


class BadCall(Exception):
    """A call that announces itself and does not parse; says why."""


def split(text: bytes) -> tuple[list[bytes], bytes]:
    """Split `text`, which begins behind the opening parenthesis, into arguments and the rest."""
    arguments: list[bytes] = []
    depth, start = 1, 0
    for token in TOKEN.finditer(text):
        mark = token[0]
        if mark in b"({[":
            depth += 1
        elif mark in b")}]":
            depth -= 1
            if depth == 0:
                if last := text[start : token.start()].strip():
                    arguments.append(last)
                return arguments, text[token.end() :]
        elif mark == b"," and depth == 1:
            arguments.append(text[start : token.start()].strip())
            start = token.end()
    raise BadCall("the arguments do not end")


def number(text: bytes) -> int:
    """Return a number, whatever way it is written."""
    plain = COMMENT.sub(b"", text)
    if plain in NUMBERS:
        return NUMBERS[plain]
    product = 1
    for factor in plain.split(b"*"):
        if not NUMBER.fullmatch(factor):
            raise BadCall(f"a number was expected, not {shown(text)}")
        product *= int(factor, 16 if b"x" in factor else 8 if factor[:1] == b"0" else 10)
    if product > calls.KEY_MAX:
        raise BadCall(f"a number is above {calls.KEY_MAX}")
    return product


def flags(words: dict[str, int]) -> Reader:
    """Return the reader of flags that have these names."""
    values = {name.encode(): value for name, value in words.items()}

    def read(text: bytes) -> int:
        value = 0
        for word in COMMENT.sub(b"", text).split(b"|"):
            bits, *shift = (values[p] if p in values else _bits(p) for p in word.split(b"<<"))
            if len(shift) > 1 or any(by > SHIFT_MAX for by in shift):
                raise BadCall(f"flags were expected, not {shown(text)}")
            value |= bits << sum(shift)
        return value

    return read


def _bits(word: bytes) -> int:
    """Return flags given as a number."""
    if not NUMBER.fullmatch(word):
        raise BadCall(f"a flag of an unknown name: {shown(word)}")
    return number(word)


def descriptor(text: bytes) -> Descriptor:
    """Return a file descriptor, and its file if strace was asked to tell it."""
    match = FILE.fullmatch(COMMENT.sub(b"", text))
    if match is None:
        raise BadCall(f"a file descriptor was expected, not {shown(text)}")
    path = None if match[2] is None else match[2].decode("utf-8", "surrogateescape")
    is_number = NUMBER.fullmatch(match[1]) and not match[1].startswith(b"0x")
    return Descriptor(int(match[1]) if is_number else -1, path)


def string(text: bytes) -> str:
    """Return a string without its quotes; a pointer that strace could not follow stays as it is."""
    match = STRING.fullmatch(text)
    return (match[1] if match else text).decode("utf-8", "surrogateescape")


def shown(text: bytes) -> str:
    """Return a piece of a line for a message."""
    return text.decode("utf-8", "backslashreplace")[:SHOWN_MAX] or "nothing"


def _call(record: Callable[..., Call], *readers: Reader, optional: int = 0) -> CallReader:
    """Return the reader of a call with these arguments; the last `optional` may be missing: 0."""

    def read(arguments: Sequence[bytes], _: str | None, returned: Returned) -> Call:
        missing = len(readers) - len(arguments)
        if missing > optional:
            raise BadCall(f"{len(readers)} arguments were expected, not {len(arguments)}")
        found = [reader(text) for reader, text in zip(readers, arguments, strict=False)]
        return record(*found, *([0] * missing), returned)

    return read


def _field(arguments: Sequence[bytes], name: bytes) -> bytes | None:
    """Return what follows name= in the arguments, or in the structure that one of them is."""
    for argument in arguments:
        for part in split(argument[1:])[0] if argument[:1] == b"{" else [argument]:
            if part.startswith(name + b"="):
                return part[len(name) + 1 :]
    return None


CLONE_FLAG = re.compile(rb"CLONE_(VM|VFORK|THREAD)\b")
CLONE_BITS = {b"VM": calls.CLONE_VM, b"VFORK": calls.CLONE_VFORK, b"THREAD": calls.CLONE_THREAD}


def clone_flags(text: bytes) -> int:
    """Return those flags of a clone that decide who shares what, from the text of the call."""
    if raw := re.search(rb"flags=(0x[0-9a-f]+)", text):
        return int(raw[1], 16)
    return sum(CLONE_BITS[word] for word in set(CLONE_FLAG.findall(text)))


def _clone(arguments: Sequence[bytes], _: str | None, returned: Returned) -> Call:
    if _field(arguments, b"flags") is None:
        raise BadCall("flags= was expected in the arguments")
    return calls.Clone(clone_flags(b",".join(arguments)), returned)


def _fork(_: Sequence[bytes], __: str | None, returned: Returned) -> Call:
    return calls.Clone(0, returned)


def _vfork(_: Sequence[bytes], __: str | None, returned: Returned) -> Call:
    return calls.Clone(calls.CLONE_VM | calls.CLONE_VFORK, returned)


def _open(path_at: int, flags_at: int | None) -> CallReader:
    """Return the reader of a call that opens a file."""

    def read(arguments: Sequence[bytes], path: str | None, returned: Returned) -> Call:
        if len(arguments) <= max(path_at, flags_at or 0):
            raise BadCall("a path and flags were expected")
        how = b"O_RDWR" if flags_at is None else arguments[flags_at]
        writable = b"O_RDWR" in how or b"O_WRONLY" in how
        return calls.Open(path or string(arguments[path_at]), writable, returned)

    return read


def _dup(arguments: Sequence[bytes], _: str | None, returned: Returned) -> Call | None:
    """Read dup and its kin; fcntl is one of them only with F_DUPFD."""
    if not arguments:
        raise BadCall("a file descriptor was expected")
    return calls.Dup(descriptor(arguments[0]).number, returned)


def _fcntl(arguments: Sequence[bytes], path: str | None, returned: Returned) -> Call | None:
    wanted = len(arguments) > 1 and arguments[1].startswith(b"F_DUPFD")
    return _dup(arguments, path, returned) if wanted else None


def _rlimit(at: int) -> CallReader:
    """Return the reader of a call that sets the limit named by its argument `at`."""

    def read(arguments: Sequence[bytes], _: str | None, returned: Returned) -> Call | None:
        if len(arguments) < at + 2:
            raise BadCall("a resource and a limit were expected")
        another = at == 1 and arguments[0] != b"0"
        if another or arguments[at] not in LIMITS or arguments[at + 1][:1] != b"{":
            return None
        soft = _field([arguments[at + 1]], b"rlim_cur")
        if soft is None:
            raise BadCall("rlim_cur= was expected in the limit")
        name = arguments[at].decode().removeprefix("RLIMIT_")
        return calls.Rlimit(name, number(soft), returned)

    return read


def _other(name: str, *words: bytes) -> CallReader:
    """Return the reader of a call that is not followed, if one of `words` is in its arguments."""

    def read(arguments: Sequence[bytes], _: str | None, returned: Returned) -> Call | None:
        text = b",".join(arguments)
        return None if words and not any(w in text for w in words) else calls.Other(name, returned)

    return read


def _prctl(arguments: Sequence[bytes], path: str | None, returned: Returned) -> Call | None:
    """Read the prctl that names memory; another that moves the program's parts is not followed."""
    if arguments[:2] == [b"PR_SET_VMA", b"PR_SET_VMA_ANON_NAME"] and len(arguments) > 4:
        name = None if arguments[4] == b"NULL" else string(arguments[4])
        return calls.Named(number(arguments[2]), number(arguments[3]), name, returned)
    return _other("prctl", b"PR_SET_VMA", b"PR_SET_MM,")(arguments, path, returned)


def _path(at: int) -> CallReader:
    """Return the reader of an exec whose path is its argument `at`."""

    def read(arguments: Sequence[bytes], _: str | None, returned: Returned) -> Call:
        if len(arguments) <= at:
            raise BadCall("a path was expected")
        return calls.Exec(string(arguments[at]), returned)

    return read


def _first(record: Callable[..., Call], *readers: Reader) -> CallReader:
    """Return the reader of a call of which only the first arguments are kept."""
    whole = _call(record, *readers)
    return lambda arguments, path, returned: whole(arguments[: len(readers)], path, returned)


def _shmget(arguments: Sequence[bytes], path: str | None, returned: Returned) -> Call | None:
    return _call(calls.Shmget, number)(arguments[1:2], path, returned)


def _remap_file_pages(a: Sequence[bytes], path: str | None, returned: Returned) -> Call | None:
    kept = (*a[:2], *a[3:4])
    return _call(calls.RemapFilePages, number, number, number)(kept, path, returned)


def _ended(record: Callable[[Returned], Call]) -> CallReader:
    """Return the reader of a call whose arguments do not matter."""
    return lambda _, __, returned: record(returned)


PROT = flags(calls.PROTECTIONS)
CALLS: dict[bytes, CallReader] = {
    b"mmap": _call(calls.Mmap, number, number, PROT, flags(calls.MAP_FLAGS), descriptor, number),
    b"munmap": _call(calls.Munmap, number, number),
    b"mprotect": _call(calls.Mprotect, number, number, PROT),
    b"pkey_mprotect": _call(calls.PkeyMprotect, number, number, PROT, number),
    b"madvise": _call(calls.Madvise, number, number, flags(calls.ADVICE)),
    b"mremap": _call(
        calls.Mremap, number, number, number, flags(calls.REMAP_FLAGS), number, optional=1
    ),
    b"brk": _call(calls.Brk, number),
    b"mlock": _call(calls.Mlock, number, number, flags(calls.LOCK_FLAGS), optional=1),
    b"mlock2": _call(calls.Mlock, number, number, flags(calls.LOCK_FLAGS)),
    b"munlock": _call(calls.Munlock, number, number),
    b"mlockall": _call(calls.Mlockall, flags(calls.LOCK_FLAGS)),
    b"munlockall": _ended(calls.Munlockall),
    b"mbind": _first(calls.Mbind, number, number),
    b"shmget": _shmget,
    b"shmat": _call(calls.Shmat, number, number, flags(calls.SHM_FLAGS)),
    b"shmdt": _call(calls.Shmdt, number),
    b"remap_file_pages": _remap_file_pages,
    b"open": _open(0, 1),
    b"openat": _open(1, 2),
    b"openat2": _open(1, 2),
    b"creat": _open(0, None),
    b"memfd_create": _open(0, None),
    b"close": _call(calls.Close, lambda text: descriptor(text).number),
    b"dup": _dup,
    b"dup2": _dup,
    b"dup3": _dup,
    b"fcntl": _fcntl,
    b"clone": _clone,
    b"clone3": _clone,
    b"fork": _fork,
    b"vfork": _vfork,
    b"execve": _path(0),
    b"execveat": _path(1),
    b"exit": _ended(calls.Exit),
    b"exit_group": _ended(calls.ExitGroup),
    b"setrlimit": _rlimit(0),
    b"prlimit64": _rlimit(1),
    b"personality": _call(calls.Personality, flags({"ADDR_NO_RANDOMIZE": 0x40000,
                                                    "ADDR_COMPAT_LAYOUT": 0x200000,
                                                    "READ_IMPLIES_EXEC": 0x400000,
                                                    "PER_LINUX": 0})),
    b"prctl": _prctl,
    b"ioctl": _other("ioctl", b"UFFDIO_REGISTER", b"UFFDIO_UNREGISTER"),
    b"mseal": _other("mseal"),
    b"map_shadow_stack": _other("map_shadow_stack"),
    b"io_setup": _other("io_setup"),
    b"io_destroy": _other("io_destroy"),
    b"set_mempolicy_home_node": _other("set_mempolicy_home_node"),
}  # fmt: skip
