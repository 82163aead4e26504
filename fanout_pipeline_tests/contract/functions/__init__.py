"""Functions for worker processes, which import them by name: a module for each thing they are for.

A worker imports this file and one module, so keep both light: no pandas, no test, no helper of tests.
"""

GUILTY = 1060
"""The item on which functions fail that fail on one."""
