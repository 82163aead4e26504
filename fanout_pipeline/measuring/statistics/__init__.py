"""Estimates from repeated timings: ratios with intervals, claims, the scalability law.

Add here what takes plain numbers and gives estimates. Keep out: strategies, files, sentences of a
report.
"""
