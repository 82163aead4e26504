"""A server that async functions talk to."""

import socketserver
import threading
from contextlib import contextmanager


class Echo(socketserver.StreamRequestHandler):
    def handle(self):
        self.server.connections += 1
        for line in self.rfile:
            self.wfile.write(line)


@contextmanager
def echo_server():
    """A server that sends back every line, and counts its connections."""
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Echo) as server:
        server.connections = 0
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        yield server
        server.shutdown()
        thread.join()
