"""What every strategy promises, tested with one body over all of them.

Keep this file and `functions` free of imports: every worker process runs them.
"""
