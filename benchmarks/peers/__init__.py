"""Ours against the libraries that people map a function over a file with: `make bench`.

    input file --each contender, in a process of its own--> Parquet parts --read back--> in order? right?

Every contender reads the same text file, calls the same Python function on each line's item, and writes
Parquet with the columns `index` and `result`. Add a contender as a file of a few lines in `contenders/`
and a line in its registry, a workload in `workloads`. Keep out: statistics (fanout_pipeline.measuring).
"""
