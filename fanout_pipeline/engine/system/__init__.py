"""What the operating system and the interpreter give a run: cores, signals, processes, memory, `sys.path`.

Belongs here: one module for each thing of the system, usable by itself. Add a platform's difference
where its thing is. Keep out: chunks, items, results and strategies.
"""
