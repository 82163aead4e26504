"""How an input is cut into chunks and how a chunk is read: one file a format.

Add a format as a file of its own that satisfies `source.Source`; one with an item a line
begins with `lines.Lines`. Keep out: calling the user's function, writing results, and everything
about how the work is spread.
"""
