"""`python -m fanout_pipeline`: what people do on a terminal, and CI does for them.

    main         which command; --help
    clean        a file each command: its arguments, its help, its exit status
    doctor
    cleaning/    what `clean` does
    examining/   what `doctor` looks at

Belongs here: arguments, and what is printed. Another command is a file with `add`, and its line in `main`. Keep out:
what the other rooms know of results and runs; Dagster, but for what looks at a project's definitions.
"""
