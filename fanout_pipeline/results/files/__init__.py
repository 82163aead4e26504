"""Files that appear whole or not at all, locks that end with their process, and no symbolic links.

`printable` makes text from data safe for messages and logs. Keep out: what the files contain.
"""
