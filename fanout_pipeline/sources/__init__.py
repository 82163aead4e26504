"""How an input is cut into chunks and how the items of a chunk are read: one file a format.

Add a format as a file of its own with a subclass of `source.Source`; one with an item a line
begins with `lines.Lines`. Only this room knows what a chunk is a range of: bytes, rows, keys. Keep out: calling
the user's function, writing results, and how the work is spread.
"""
