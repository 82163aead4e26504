"""What all of the engine speaks of: spec, options, strategies and errors.

Belongs here: frozen records and protocols that several sub-rooms share. Add a field to the record that
owns it, with its unit and its default. Keep out: whatever starts, reads, calls or writes.
"""
