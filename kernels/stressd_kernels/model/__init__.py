"""The model: kernels as plain Python, every interleaving and every reordering at a test's will.

words       what kernels index: a word is read and written through the memory of the model
buffers     two memories with store buffers: x86-TSO, and PSO
views       a third, of C11: loads may be stale, and unordered plain accesses are races
machine     actors (greenlets), one step at a time; a failure comes with its schedule
pct         schedules at random, by priorities that change a few times
script      one schedule, written down by labels
exhaustive  all schedules up to a bound
"""
