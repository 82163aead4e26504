"""How a comparison is shown: the table, the plot, report.json and report.md.

Takes finished numbers and draws them. Keep out: Dagster, and any arithmetic that a verdict
depends on (measuring).
"""
