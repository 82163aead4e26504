"""Where the parts of a run are kept: written aside, recorded in a ledger, made visible in one step.

Belongs here: generations, ledger, manifest, commit. Keep out: what a value is (`types`) and how the work
is spread.
"""
