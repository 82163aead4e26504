"""What is done with one chunk, by whichever worker has it: read, call, retry, write.

Belongs here: one module for each way to make calls (item by item, a batch, many in flight) and what they
share. Keep out: which chunk comes next (`scheduling`), and how workers are started and spoken to
(`workers`).
"""
