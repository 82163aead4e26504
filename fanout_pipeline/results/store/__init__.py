"""Where the parts of a run are kept: written aside, recorded in a ledger, made visible in one step.

    contract       Store: what the rest of the package may rely on
    generation     the files of one run: what all modules below are written in terms of
    folder         the Store on a local disk; `local_generation` is one folder of it
    ledger         which parts a run has finished, and what the next run reuses of them
    collector      the parts of a run, in any order until the end
    compact        few parts of one schema, at the commit; `part_file` is the file of one
    manifest       the record of what is visible; names and formats of files
    failed_items   quarantined items, beside the parts
    digest         one number for the contents and the order of results

Belongs here: all of that. Add another kind of storage as one module that implements the contract. Keep
out: what a value is (`types`) and how the work is spread.
"""
