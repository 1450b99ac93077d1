"""Address spaces: VMAs tracked in a maple tree, an rb-tree and a list, in parallel.

layout    words of an address space      words    flags, errors, pages
trace     events of every change, in rings
"""
