"""One Linux address space in plain Python: slow, short, and obviously right.

This is the specification that the kernels are held against; it imports none of them. The rules
are those of Linux 6.18 on x86-64, one short function each, with the rule in its docstring. The
address space is a sorted list of VMAs and every question is answered by walking it.

    words     pages, flags of a VMA, errors, limits
    space     VMA, file, anon identity; the list, its invariants, and the counts kept of it
    lookup    find_vma and its kin
    gaps      where a free range is found, top-down and bottom-up, with guard gaps
    place     where a new mapping goes: hint, FIXED, huge pages, MAP_32BIT
    merge     when neighbours become one, and what a change of a part does
    change    mmap, munmap
    modify    mprotect, madvise, mlock, mlockall, mseal, names and policies
    remap     mremap
    shm       SysV shared memory, remap_file_pages
    grow      brk, stack growth, faults
    process   fork, exec, exit

A call that fails raises `Failed`, with the name of the error. What it changed before it failed
stays changed, as in the kernel. Lengths and addresses are bytes; ends are exclusive.
"""
