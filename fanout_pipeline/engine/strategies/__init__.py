"""One file a strategy, each with one `STRATEGY`. The registry lists them.

To add one: write its file after the pattern of a neighbour, add its line to `registry`, describe it
in the README. The contract tests, the assets, the checks and the comparison take it from there.
"""
