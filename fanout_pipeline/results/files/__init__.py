"""Files and folders that are changed whole or not at all, and never through a symbolic link.

Belongs here: what any store on a local disk needs, and `printable`, which makes text from data safe for
messages. Keep out: what the files hold.
"""
