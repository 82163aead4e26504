"""From Python values to Arrow columns and back, without loss or with an error.

Belongs here: which type a column of results has, how it is stored and how it is read back. Add a type
where it is inferred, stored and compared. Keep out: files and folders.
"""
