"""A module whose import starts a thread of Python's."""

import threading

threading.Thread(target=threading.Event().wait, name="monitor", daemon=True).start()
