"""Was every answer that a thread was given right at some instant of its question?

Writers take turns, so the states of a tree are a list: S[k] is the map after write k, and the
version word, two for each write, says where in that list one stands. No search for an order of
events is needed:

    a write    records its effect and the version it made; its own answer must be right in
               exactly the state before
    a read     records the version before it (v1) and after it (v2); its answer must be right in
               one of S[v1 // 2] .. S[(v2 + 1) // 2]
    gap search says from which version it answered: right in exactly that state
    a batch    each element by itself, as a read
    a scan     each step, from the end of one entry to the end of the next, as a find
    next, prev overtaken three times (loose) give an entry that was there; none that was there
               throughout lies nearer

Every operation of every thread is recorded and judged. The judge knows cells and plain loops,
nothing of nodes.

    states   the list of states, and what an entry is      ground   threads, rounds and totals
    writes   writers, their judge; builds the states       lookups  load, find, ... seek_rev
    gaps     gap search, both ways                         rows     how look-ups are asked
    batches  many loads in one call                        scans    scan
"""
