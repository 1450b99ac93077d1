"""Trace events of our own address spaces, written as the kernel would print them.

rings (kernels) --> order --> lines --> file
                    tracer: one thread that keeps this moving

order    events of all rings, those of each address space by number
lines    what one event looks like
file     FILE.partial, no larger than it may be, then FILE
tracer   begin, end, and what was written
"""
