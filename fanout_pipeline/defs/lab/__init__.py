"""The comparison of a fan-out's strategies: trials, comparison, break-even, with jobs and a schedule.

`factory` makes everything of a fan-out from its spec. Keep out: how anything is measured or shown, which
is in `measuring` and `reporting`.
"""
