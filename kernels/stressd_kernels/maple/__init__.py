"""The maple tree: an RCU-safe B-tree of ranges of keys, with gap tracking.

node      what a node is, and the invariants
search    look-ups of readers             gaps     gap search of readers
shortcut  past the upper levels          buckets  the table of a shortcut
ranges    what a cursor sees              allocate gaps found and taken
scan      many entries at a time
walk      the writer's path               edit     writes inside one leaf
rebuild   writes that touch several       pack     cutting a buffer into nodes
border    moving the end of a leaf        publish  the one store that readers see
drop      what a write unlinks
build     bulk build                      check    the structural check
dump      a tree as text                  entries  the entry points
"""

from stressd_kernels.maple import entries
from stressd_kernels.verbs import Structure, Verb

WRITING = (Verb.RESERVE, Verb.REBUILD, Verb.COLLECT, Verb.SHORTCUT)

STRUCTURE = Structure(
    "maple",
    {
        Verb.LOAD: entries.load,
        Verb.FIND: entries.find,
        Verb.FIND_REV: entries.find_reverse,
        Verb.NEXT: entries.following,
        Verb.PREV: entries.previous,
        Verb.SCAN: entries.scan,
        Verb.WALK: entries.walk_to,
        Verb.SEEK: entries.seek,
        Verb.SEEK_REV: entries.seek_reverse,
        Verb.GAP_UP: entries.gap_upward,
        Verb.GAP_DOWN: entries.gap_downward,
        Verb.GAP_UP_LOCKED: entries.gap_upward_locked,
        Verb.GAP_DOWN_LOCKED: entries.gap_downward_locked,
        Verb.STORE: entries.store,
        Verb.INSERT: entries.insert,
        Verb.ERASE: entries.erase,
        Verb.ALLOCATE: entries.allocate,
        Verb.ALLOCATE_CYCLIC: entries.allocate_cyclic,
        Verb.CLEAR: entries.clear,
        Verb.CHECK: entries.check,
        Verb.BUILD: entries.build,
        Verb.COPY: entries.copy,
        Verb.STORE_HELD: entries.store_held,
        Verb.BUILD_HELD: entries.build_held,
        Verb.CLEAR_HELD: entries.clear_held,
        Verb.CHECK_HELD: entries.check_held,
        Verb.REBUILD: entries.rebuild_any,
        Verb.RESERVE: entries.reserve,
        Verb.COLLECT: entries.collect,
        Verb.SHORTCUT: entries.shortcut,
    },
    helpers={
        Verb.STORE: WRITING,
        Verb.INSERT: WRITING,
        Verb.ERASE: WRITING,
        Verb.ALLOCATE: WRITING,
        Verb.ALLOCATE_CYCLIC: WRITING,
        Verb.STORE_HELD: (Verb.REBUILD,),
        Verb.BUILD_HELD: (Verb.RESERVE, Verb.COLLECT),
        Verb.CLEAR: (Verb.RESERVE, Verb.COLLECT),
        Verb.BUILD: (Verb.RESERVE, Verb.COLLECT, Verb.SHORTCUT),
        Verb.COPY: (Verb.RESERVE, Verb.COLLECT, Verb.SHORTCUT),
    },
)
