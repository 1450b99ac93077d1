"""Record a program of one's own: its system calls, and its mappings where they matter.

command     the command line: names of files, messages, the exit status
tracer      strace: which one, with which options, and its end
watcher     what strace says as it says it: when a process executes a program, when it ends
proc        the mappings of a stopped process
output      files that appear whole or not at all
"""
