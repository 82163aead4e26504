"""One asset in anybody's project: `fanout_asset`, what it reads, what it records, and what loads it downstream.

Keep out: anything that compares strategies, and anything that another asset of the project would notice.
"""
