"""A PostgreSQL server of a test's own, on a socket in a folder that is removed with it."""

import getpass
import os
import shutil
import subprocess
import tempfile
from contextlib import contextmanager, suppress
from pathlib import Path
from urllib.parse import quote_plus

import psutil
import pytest

PASSWORD = "s3kr3t/p@ss:w"


def _program(name):
    found = shutil.which(name) or max(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"), default="")
    if not found:
        pytest.skip(f"PostgreSQL is not installed: there is no {name} (apt-get install postgresql)")
    return str(found)


class Server:
    """A server that runs, and what its clients need."""

    def __init__(self, folder):
        self.folder = folder

    @property
    def url(self):
        """With the password of its only user, quoted."""
        return f"postgresql+psycopg://tester:{quote_plus(PASSWORD)}@/postgres?host={self.folder}"

    def start(self):
        options = f"-k {self.folder} -c listen_addresses= -c fsync=off"
        log = self.folder / "log"
        self._ctl("start", "-w", "-o", options, "-l", str(log))

    def kill(self):
        """End it with SIGKILL, and its processes with it, as when memory runs out."""
        pid = int((self.folder / "data" / "postmaster.pid").read_text().split()[0])
        server = psutil.Process(pid)
        processes = [server, *server.children()]
        for one in processes:
            with suppress(psutil.NoSuchProcess):
                one.kill()
        psutil.wait_procs(processes, 30)

    def stop(self):
        with suppress(subprocess.CalledProcessError):
            self._ctl("stop", "-m", "immediate")

    def _ctl(self, *arguments):
        _as_server(_program("pg_ctl"), "-D", str(self.folder / "data"), *arguments)

    def create(self):
        password = self.folder / "password"
        password.write_text(PASSWORD)
        password.chmod(0o644)
        how = ("-U", "tester", "--auth=scram-sha-256", f"--pwfile={password}", "--no-sync")
        _as_server(_program("initdb"), "-D", str(self.folder / "data"), *how)


def _as_server(*command):
    if os.getuid() == 0:  # It does not run as root.
        command = ("setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups", *command)
    subprocess.run(
        command, check=True, stdout=subprocess.DEVNULL, stdin=subprocess.DEVNULL, cwd="/"
    )


@contextmanager
def postgres():
    """A server for a block. Skips the test where none is installed."""
    _program("initdb")
    # The path of a socket is at most 107 bytes long, which pytest's folders exceed.
    with tempfile.TemporaryDirectory(prefix="pg-", dir="/tmp", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        shutil.chown(folder, "postgres" if os.getuid() == 0 else getpass.getuser())
        folder.chmod(0o755)
        server = Server(folder)
        server.create()
        server.start()
        try:
            yield server
        finally:
            server.stop()
