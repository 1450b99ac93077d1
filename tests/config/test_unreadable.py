"""Files that are no configuration at all: each is refused with the place of the reason."""

from __future__ import annotations

import gzip
import os
from pathlib import Path

import pytest

from stressd.config.load import load_config
from stressd.errors import BadConfig
from stressd.limits import CONFIG_BYTES_MAX

GOOD = b"version: 1\nsource: {kind: synthetic, entries: 10}\nworkers: [{name: w, mix: {load: 1}}]\n"
BYTES = {
    "empty": (b"", "{file}:1:1: is empty; a configuration begins with `version: 1`"),
    "spaces": (b"  \n\n", "{file}:1:1: is empty; a configuration begins with `version: 1`"),
    "latin-1": (
        b"version: 1\nrun: {name: caf\xe9}\n",
        "{file}:2:16: is not UTF-8 text (got byte 0xe9)",
    ),
    "utf-16": ("version: 1\n".encode("utf-16"), "{file}:1:1: is not UTF-8 text (got byte 0xff)"),
    "cut-off": (b"run: {name: caf\xc3", "{file}:1:16: is not UTF-8 text (got byte 0xc3)"),
    "gzip": (gzip.compress(GOOD), "{file}:1:2: is not UTF-8 text (got byte 0x8b)"),
    "zero-bytes": (b"version: 1\n\0\0\0\0", "{file}:2:1: is not text (got character 0x00)"),
    "escape": (b"version: 1 \x1b[31m\n", "{file}:1:12: is not text (got character 0x1b)"),
    "too-large": (
        b"#" * (CONFIG_BYTES_MAX + 1),
        "{file}: is larger than 256KiB, too large for a configuration",
    ),
}


def complaint(file: str) -> str:
    """What is said about a file that cannot be used."""
    with pytest.raises(BadConfig) as caught:
        load_config(file)
    return str(caught.value)


@pytest.mark.parametrize("name", BYTES)
def test_bytes_that_are_no_yaml_are_refused_at_their_place(name: str, tmp_path: Path) -> None:
    """The first byte or character that is not text is named, and nothing is guessed."""
    raw, expected = BYTES[name]
    file = tmp_path / "run.yaml"
    file.write_bytes(raw)
    assert complaint(str(file)) == expected.format(file=file)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    """There is no line to point at, so the file is."""
    file = tmp_path / "none.yaml"
    assert complaint(str(file)) == f"{file}: cannot be read: No such file or directory"


def test_a_folder_is_not_read(tmp_path: Path) -> None:
    """A folder where a file should be is said to be one."""
    assert complaint(str(tmp_path)) == f"{tmp_path}: cannot be read: Is a directory"


def test_a_name_that_no_file_can_have_is_refused() -> None:
    """The system's own message is passed on."""
    assert complaint("a\0b") == "a\0b: cannot be read: embedded null byte"


def test_an_endless_file_is_not_read_to_its_end() -> None:
    """/dev/zero is refused for its size, after reading no more than a configuration may have."""
    assert (
        complaint("/dev/zero") == "/dev/zero: is larger than 256KiB, too large for a configuration"
    )


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_of_others_is_refused(tmp_path: Path) -> None:
    """A file without read permission is reported with the system's reason."""
    file = tmp_path / "secret.yaml"
    file.write_bytes(GOOD)
    file.chmod(0)
    assert complaint(str(file)) == f"{file}: cannot be read: Permission denied"


@pytest.mark.parametrize(
    "raw", [b"\xef\xbb\xbf" + GOOD, GOOD.replace(b"\n", b"\r\n"), b"---\n" + GOOD, GOOD.rstrip()]
)
def test_harmless_variations_are_read(raw: bytes, tmp_path: Path) -> None:
    """A byte order mark, line ends of other systems and a document marker change nothing."""
    file = tmp_path / "run.yaml"
    file.write_bytes(raw)
    assert load_config(file).config.source.kind == "synthetic"
