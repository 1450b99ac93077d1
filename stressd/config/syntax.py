"""YAML text to nodes with marks, and what to say when it is not YAML.

Aliases are composed (who follows them must count, see `document`); tags are refused, and so is
nesting deep enough to exhaust the stack. PyYAML's messages are kept where they help; the common
ones are replaced by what the writer of the file has to do.
"""

from __future__ import annotations

import re

import yaml

from stressd.errors import BadConfig, Problem
from stressd.limits import CONFIG_DEPTH_MAX

_SAID = (
    (r"character '\\t'", "a tab cannot indent or separate here; use spaces"),
    (r"character '(.)' that cannot start", r"\1 cannot begin a value; quote it"),
    (r"another document|expected '<document start>'", "a second document begins; only one is read"),
    (r"mapping values are not", "a colon cannot stand here; mind indentation and quotes"),
    (r"could not find expected ':'", "what stands before this is a key without a colon"),
    (r"expected <block end>", "does not line up with anything above it"),
    (r"unexpected end of stream", "the quote that begins here is never closed"),
    (
        r"expected ',' or '(.)', but got",
        r"the bracket of line {start} lacks a comma or its \1 here",
    ),
    (r"expected the node content, but found ':'", "a value that begins with [ must be quoted"),
    (r"found undefined alias (.*)", r"the alias \1 has no anchor before it"),
    (r"second occurrence", "the anchor of line {start} has the same name"),
)


class _Composer(yaml.SafeLoader):
    """Nodes with marks. Pure Python, so that nothing nests without being counted."""

    depth = 0

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        event = self.peek_event()  # type: ignore[no-untyped-call]
        if getattr(event, "tag", None) not in (None, "!"):
            raise yaml.MarkedYAMLError(None, None, "tags are not supported", event.start_mark)
        if self.depth >= CONFIG_DEPTH_MAX:
            raise yaml.MarkedYAMLError(None, None, "nests too deep", event.start_mark)
        self.depth += 1
        node = super().compose_node(parent, index)
        self.depth -= 1
        return node


def compose(file: str, text: str) -> yaml.Node | None:
    """The root node of `text`, None when there is none; BadConfig when it is not YAML."""
    loader = _Composer(text)
    try:
        return loader.get_single_node()
    except yaml.MarkedYAMLError as failure:
        mark = failure.problem_mark or failure.context_mark or loader.get_mark()
        if failure.context_mark and "end of stream" in (failure.problem or ""):
            mark = failure.context_mark
        message = _explain(failure, text)
    except (ValueError, OverflowError):  # PyYAML on "\UFFFFFFFF"
        mark = loader.get_mark()
        message = "is not a character"
    finally:
        loader.dispose()
    raise refuse(file, mark.line + 1, mark.column + 1, message)


def refuse(file: str, line: int, column: int, message: str, got: str = "") -> BadConfig:
    """The error for a file of which nothing more can be said than this."""
    return BadConfig([Problem(file, line, column, "", message, got)])


def _explain(failure: yaml.MarkedYAMLError, text: str) -> str:
    said = failure.problem or failure.context or "is not YAML"
    mark, start = failure.problem_mark, failure.context_mark
    if "'{'" in said and mark and "${" in text.splitlines()[mark.line]:
        return "a ${env:...} between brackets must be in double quotes"
    line = start.line + 1 if start else 0
    for theirs, ours in _SAID:
        if match := re.search(theirs, said):
            return match.expand(ours).replace("{start}", str(line))
    if mark and start and start.line < mark.line:
        said += f" (in what begins at line {line})"
    return said
