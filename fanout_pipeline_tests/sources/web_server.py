"""A web server that gives ranges of files, as object stores and most web servers do."""

import hashlib
import re
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_HEAD(self):
        self._answer(with_body=False)

    def do_GET(self):
        self._answer(with_body=True)

    def _answer(self, with_body):
        server = self.server
        server.asked.append((self.command, self.path, self.headers.get("Range")))
        path = self.path.partition("?")[0]
        if path not in server.files:
            self.send_error(404)
            return
        whole = body = server.files[path]
        found = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range") or "")
        if found and server.ranges:
            first, last = int(found[1]), int(found[2] or len(whole))
            body = whole[first : last + 1]
            self.send_response(206)
            self.send_header("Content-Range", f"bytes {first}-{last}/{len(whole)}")
        else:
            self.send_response(200)
        self.send_header("Accept-Ranges", "bytes" if server.ranges else "none")
        self.send_header("Content-Length", str(len(body)))
        self.send_header("ETag", f'"{hashlib.sha256(whole).hexdigest()}"')
        self.end_headers()
        if with_body:
            self.wfile.write(body)

    def log_message(self, *_):
        """Nothing."""


@contextmanager
def web_server():
    """A server of its `files`, by their paths; `url` is where, `asked` what it was asked for."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    server.daemon_threads = True
    server.files, server.ranges, server.asked = {}, True, []
    server.url = f"http://127.0.0.1:{server.server_port}"
    thread = Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
