"""`clean`: what runs have left in a data root, found and removed.

    data_root     which folder, and what it has of ours
    cleaning      what is decided of each thing: how old it is, whether it is removed
    generations   what dead runs have left beside visible results, call by call and run by run
    others        labs, old layouts, temporary files and folders
    told          the same for people and for programs

Belongs here: which of the things that the other rooms write nobody needs any more. Keep out: anything that is
visible, locked or a user's.
"""
