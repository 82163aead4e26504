"""What several sub-rooms of `defs` use: keys, tags, metadata, the IO manager.

Keep out: whatever only one of them uses.
"""
