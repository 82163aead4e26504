"""`fan_out` against the libraries that people map a function over items with: `make bench`.

    items in memory --each contender, in a process of its own--> results in memory --words of them--> in order? right?

Every contender is given the same items, calls the same Python function on each, and gives a list of results.
Add a contender as a file of a few lines in `contenders/` and a line in its registry, a workload in
`benchmarks/workloads`. Keep out: statistics (fanout_pipeline.measuring).
"""
