"""The benchmark's loops: one driver per figure, each a loop around what an operation calls.

workload  what is measured on: the generator, the entries, the orders
reads     look-ups, iteration, gap search
writes    store, erase, build
mixed     one writer and some readers
shape     how full nodes are; writes that leave them less full
field     from Python: an arena with one tree, and the entries to put in

A loop is timed from outside, so what it draws belongs to the figure, as it does in the program
that it is compared with. It counts wrong answers instead of stopping at one: the caller throws
away a figure that has any.
"""
