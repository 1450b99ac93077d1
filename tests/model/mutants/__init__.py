"""Wrong variants of the protocols, one file each; the scenarios must catch every one."""

from tests.model.mutant import Mutant
from tests.model.mutants.advance_past_a_reader import ADVANCE_PAST_A_READER
from tests.model.mutants.border_raised_over_a_live_leaf import BORDER_RAISED_OVER_A_LIVE_LEAF
from tests.model.mutants.entry_that_swallows import NEXT_SWALLOWED, PREV_SWALLOWED
from tests.model.mutants.free_without_grace import FREE_WITHOUT_GRACE
from tests.model.mutants.labels import WEAKENED
from tests.model.mutants.lock_that_does_nothing import LOCK_THAT_DOES_NOTHING
from tests.model.mutants.locks_in_any_order import LOCKS_IN_ANY_ORDER
from tests.model.mutants.next_unchecked import NEXT_UNCHECKED
from tests.model.mutants.pivots_in_place import PIVOTS_IN_PLACE
from tests.model.mutants.publish_before_filling import PUBLISH_BEFORE_FILLING
from tests.model.mutants.range_in_place import RANGE_IN_PLACE
from tests.model.mutants.reader_not_pinned import READER_NOT_PINNED
from tests.model.mutants.reuse_at_once import REUSE_AT_ONCE
from tests.model.mutants.shortcut_left_open import (
    SHORTCUT_LEFT_OPEN,
    SHORTCUT_MADE_ASIDE,
    SHORTCUT_NOT_CORRECTED,
    SHORTCUT_NOT_LED_UP,
    SHORTCUT_OPENED_TOO_SOON,
    SHORTCUT_REWRITTEN_AT_ONCE,
    SHORTCUT_STAMPED_TOO_SOON,
)
from tests.model.mutants.stamp_before_fence import STAMP_BEFORE_FENCE
from tests.model.mutants.stamp_of_the_pin import STAMP_OF_THE_PIN
from tests.model.mutants.version_counts_once import VERSION_COUNTS_ONCE
from tests.model.mutants.wait_while_pinned import WAIT_WHILE_PINNED
from tests.model.mutants.walls_unchecked import BEFORE_UNCHECKED, BEYOND_UNCHECKED

MUTANTS: tuple[Mutant, ...] = (
    FREE_WITHOUT_GRACE,
    READER_NOT_PINNED,
    STAMP_BEFORE_FENCE,
    STAMP_OF_THE_PIN,
    ADVANCE_PAST_A_READER,
    REUSE_AT_ONCE,
    PUBLISH_BEFORE_FILLING,
    PIVOTS_IN_PLACE,
    BORDER_RAISED_OVER_A_LIVE_LEAF,
    VERSION_COUNTS_ONCE,
    NEXT_UNCHECKED,
    BEYOND_UNCHECKED,
    BEFORE_UNCHECKED,
    NEXT_SWALLOWED,
    PREV_SWALLOWED,
    RANGE_IN_PLACE,
    LOCK_THAT_DOES_NOTHING,
    LOCKS_IN_ANY_ORDER,
    WAIT_WHILE_PINNED,
    SHORTCUT_LEFT_OPEN,
    SHORTCUT_OPENED_TOO_SOON,
    SHORTCUT_NOT_CORRECTED,
    SHORTCUT_NOT_LED_UP,
    SHORTCUT_MADE_ASIDE,
    SHORTCUT_REWRITTEN_AT_ONCE,
    SHORTCUT_STAMPED_TOO_SOON,
    *WEAKENED,
)
