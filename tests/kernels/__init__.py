"""The kernels that make up a workload: random numbers, clocks, counters, operations, slices."""
