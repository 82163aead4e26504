"""`doctor`: what will not work, or will be slow, and what to do.

    finding      what one look has found
    versions     Python, this package, Dagster and the libraries beside it
    machine      cores, workers, the clock
    storage      the data root: where it is, whether results can be kept there, how much room there is
    file_systems
    instance     DAGSTER_HOME and its dagster.yaml
    projects     a code location, and each fan-out in it
    functions    one fan-out of a project: can it be sent to workers, and what they import for it
    worker       the process that finds that out, as a worker would
    together     all fan-outs of a project at once: processes and cores, pools, threads before a fork
    told         the same for people and for programs

Belongs here: whatever can be found out within seconds, by looking. Each look yields findings, and one that cannot look
says why. Keep out: lines that are the same wherever they are printed.
"""
