"""To import the package is to have it: nothing else in the process changes."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

import fanout_pipeline

PROGRAM = '''
import ctypes, gc, importlib, json, locale, logging, multiprocessing, os, pkgutil, random, signal
import sys, threading, warnings

# What the package imports of others is theirs to answer for.
import cloudpickle, dagster, filelock, jinja2, matplotlib.figure, numpy, pandas, psutil, scipy.stats
import alembic.config, pyarrow.csv, pyarrow.parquet, sqlalchemy, tabulate, upath.implementations.local
import dagster._core.executor.step_delegating

def handlers():
    return {int(one): str(signal.getsignal(one)) for one in signal.valid_signals()}

def gives_back():
    """Whether malloc gives blocks of 15 MiB back to the system at once, as it does at first."""
    if not hasattr(ctypes.CDLL(None), "mallinfo2"):
        return True
    class Info(ctypes.Structure):
        _fields_ = [(f"f{number}", ctypes.c_size_t) for number in range(10)]
    info = ctypes.CDLL(None).mallinfo2
    info.restype = Info
    before = info().f3
    block = ctypes.create_string_buffer(15 * 2**20)
    return info().f3 > before

asked = []
pyarrow.enable_signal_handlers = pyarrow.lib.enable_signal_handlers = asked.append

def state():
    root = logging.getLogger()
    return {
        "gc": [gc.isenabled(), gc.get_threshold(), len(gc.callbacks)],
        "frozen": gc.get_freeze_count() > 0,
        "signals": handlers(),
        "blocked": sorted(map(int, signal.pthread_sigmask(signal.SIG_BLOCK, []))),
        "environment": dict(os.environ),
        "path": [sys.path, list(map(str, sys.meta_path)), list(map(str, sys.path_hooks))],
        "hooks": list(map(str, [sys.excepthook, sys.displayhook, threading.excepthook, sys.gettrace()])),
        "limits": [sys.getrecursionlimit(), sys.getswitchinterval(), sys.get_int_max_str_digits()],
        "warnings": list(map(str, warnings.filters)),
        "threads": threading.active_count(),
        "descriptors": sorted(os.listdir("/dev/fd")),
        "children": len(psutil.Process().children()),
        "logging": [str(root.handlers), root.level, logging.root.manager.disable],
        "loggers": sorted(n for n, l in root.manager.loggerDict.items() if getattr(l, "handlers", ())),
        "locale": locale.setlocale(locale.LC_ALL),
        "start method": multiprocessing.get_start_method(allow_none=True),
        "random": str(hash((random.getstate(), numpy.random.get_state()[1].tobytes()))),
        "folder": [os.getcwd(), sorted(os.listdir())],
        "numpy": str(numpy.geterr()),
        "matplotlib": [dict.__getitem__(matplotlib.rcParams, "backend") is None, "matplotlib.pyplot" in sys.modules],
        "cloudpickle": sorted(cloudpickle.list_registry_pickle_by_value()),
        "arrow": [pyarrow.cpu_count(), pyarrow.io_thread_count(), pyarrow.default_memory_pool().backend_name],
    }

state()  # what to look for may import something itself
before = state()
import fanout_pipeline
for module in pkgutil.walk_packages(fanout_pipeline.__path__, "fanout_pipeline."):
    importlib.import_module(module.name)
after = state()
# To look changes the first; the second cannot be asked.
before |= {"malloc gives back": True, "Arrow's handlers": []}
after |= {"malloc gives back": gives_back(), "Arrow's handlers": asked}
print(json.dumps([before, after]))
'''


@pytest.mark.slow
def test_importing_every_module_changes_nothing(tmp_path):
    """Signals, garbage collection, memory, logging, paths, the environment: all is as it was."""
    environment = {"PATH": "/usr/bin:/bin", "HOME": str(tmp_path), "PYTHONHASHSEED": "0"}
    program = (
        f"import sys; sys.path.insert(0, {str(Path(fanout_pipeline.__file__).parents[1])!r})\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program + PROGRAM],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
        env=environment,
        cwd=tmp_path,
    )
    assert done.returncode == 0, done.stderr
    before, after = json.loads(done.stdout.splitlines()[-1])
    assert after == before
