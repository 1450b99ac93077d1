"""The model: kernels as plain Python, every interleaving and every reordering at a test's will.

words    what kernels index
"""
