"""Recordings applied one after the other, and compared with what the kernel did.

command    the command line         how      stages, and how often structures are compared
judge      one recording, judged    player   what plays it: the interface, and a tree for a space
mms        the player on address spaces of the kernels, in batches of rows
ground     the arena for that       residents   which process lives in which space
finals     the final maps           report   what comes of it
program    a recording as a table, for the soak
spaces, guards, searches            what the table is made with: trees, stacks, search rules
history    a tree in plain Python, for recordings that are read before anything is compiled
"""
