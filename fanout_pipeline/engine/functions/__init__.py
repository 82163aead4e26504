"""The user's function as something to send and to recognize.

Belongs here: whether a worker imports it by name or gets its code, its fingerprint, what it depends
on, and the identity of a run. Keep out: calling it, which is `calls`.
"""
