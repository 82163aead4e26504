"""Which chunk comes next and how large it is, what is suspected of killing workers, what is left to do.

Belongs here: decisions, made from numbers that are passed in, so that any story can be tested without
processes or clocks. Keep out: processes, messages and files, but for the ledger that `resume` reads.
"""
