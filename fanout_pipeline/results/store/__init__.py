"""Where results are kept, and how a run writes, resumes and commits them.

contract       Store and Generation: all that the rest of the package may rely on
folder         the Store on a local file system; `generation` is one folder of it
ledger         which parts a run has finished, and what the next run reuses of them
collector      the parts of a run, in any order until the end
manifest       the record of what is visible; names and formats of files
failed_items   quarantined items, beside the parts
digest         one number for the contents and the order of results
"""
