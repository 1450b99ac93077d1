"""Logs of system calls, re-enacted: a model of the address space does each call and is compared.

    log of calls --> follower --> spaces --> models: each answers as a kernel would
                        |           |
                   processes      answers --> report

follower    whose call it is: processes, threads, forks, execs, open files
space       one address space, followed under two assumptions about faults
operations  what each call is to a model, and how a model is made to agree after a miss
races       calls of several threads that overlap: an order in which all answers are right
files       what is known of open files
starts      where a program begins, out of a list of its mappings
answers     right, wrong, unknown and why
model       what is asked of an address space
report      what comes of it
"""
