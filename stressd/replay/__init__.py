"""Recordings applied one after the other, and compared with what the kernel did.

command    the command line         judge    one recording against its trees
spaces     which tree is whose      searches the kernel's search rules
guards     what stacks keep free    finals   the final maps
report     what comes of it         program  a recording as a table, for the soak
history    a tree in plain Python, for recordings that are read before anything is compiled
"""
