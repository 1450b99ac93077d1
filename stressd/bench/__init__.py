"""`stressd bench`: how fast the tree is, beside what else there is.

    command    the command: options in, figures out
    options    what was asked for, checked
    sections/  what is measured: one file each, one line in its list
    figure     one figure: its metric, its unit, its repetitions
    peer       the references in C and C++, run in the same sitting
    targets    what is to be reached: data
    judgement  figures beside those of the references, and targets met or missed
    containers Python containers on the same workload
    noise      how much of the machine others used meanwhile
    report     figures as a table, or as JSON

The workload stands in `stressd_kernels.bench`. Figures of one thread are CPU time of that
thread around one loop; figures of several threads are wall-clock time and need a quiet machine.
"""
