"""What the checking build asserts, and where a failed assertion is written down.

Kernels never raise, least of all under a lock, so an assertion that fails counts in a word of
the header, with what it failed for; the operation goes on, or answers TRAP or CORRUPT. The
supervisor looks at these words with every sample: one that is not 0 makes the run INVALID.

    CHECK_FREED      a reference led to a node of another generation: it was freed meanwhile,
                     under the feet of a pinned reader or of the lock's holder
    CHECK_RESERVED   a write took more nodes than it had reserved
    CHECK_BOUNDS     a path did not end within HEIGHT_MAX levels

A generation is compared after the node was read as well as before the next one is: what was
freed in between shows too. Counts are plain words: two failures at once may count as one, but
never as none.
"""

import numpy as np

from stressd_kernels.door import kernel, kernel_inline, load_relaxed, store_relaxed
from stressd_kernels.layout import CHECKS, U0, U1
from stressd_kernels.refs import GENERATION_MASK, NODE_MASK

CHECK_FREED = 0
CHECK_RESERVED = 1
CHECK_BOUNDS = 2
NAMES = (
    "a node was freed while it could still be reached",
    "a write took more nodes than it had reserved",
    "a path had more levels than any tree has",
)
CHECKS_FOR = CHECKS + 8  # what each failed for, the last time


@kernel_inline
def is_stale(words, ref):
    """Say whether the node of `ref` was freed since the reference was made."""
    return load_relaxed(words, np.int64(ref & NODE_MASK)) != ref & GENERATION_MASK


@kernel
def check_fail(words, kind, what):
    """Write down that the assertion `kind`, a CHECK_*, failed for `what`."""
    store_relaxed(words, CHECKS_FOR + kind, what)
    store_relaxed(words, CHECKS + kind, load_relaxed(words, CHECKS + kind) + U1)


@kernel_inline
def is_freed(words, ref):
    """Say whether the node of `ref`, which must not be freed yet, was; and write that down."""
    if is_stale(words, ref):
        check_fail(words, CHECK_FREED, ref)
        return True
    return False


@kernel
def checks_hold(words):
    """Say whether no assertion has failed so far."""
    failed = U0
    for kind in range(len(NAMES)):
        failed |= load_relaxed(words, CHECKS + kind)
    return failed == U0
