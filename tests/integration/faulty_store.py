"""A store that fails on purpose: passes requests on to a real one, except those that a test wants broken."""

import http.client
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

# What a rule makes of a request (method, path): None passes it on, a number is an HTTP status, "cut" ends the
# connection in the middle of the body, "hang" takes the body and never answers.
Rule = Callable[[str, str], int | str | None]


class FaultyStore:
    """`rule` may be replaced at any time; `broken` counts what it broke."""

    def __init__(self, behind: str) -> None:
        self.rule: Rule = lambda method, path: None
        self.broken = 0
        self.released = threading.Event()
        host = urlsplit(behind)
        assert host.hostname and host.port
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self, host.hostname, host.port))
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def close(self) -> None:
        """Stop answering."""
        self.released.set()
        self._server.shutdown()
        self._server.server_close()


def _handler(store: FaultyStore, host: str, port: int) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_args: Any) -> None:
            """Say nothing."""

        def _pass(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            fault = store.rule(self.command, self.path)
            if fault == "cut":
                store.broken += 1
                self.rfile.read(length // 2)
                self.close_connection = True
                self.connection.close()
                return
            body = self.rfile.read(length)
            if fault == "hang":
                store.broken += 1
                store.released.wait(120)
                self.close_connection = True
                return
            if isinstance(fault, int):
                store.broken += 1
                self._answer(fault, {}, b"")
                return
            behind = http.client.HTTPConnection(host, port, timeout=60)
            behind.request(self.command, self.path, body, dict(self.headers))
            answer = behind.getresponse()
            self._answer(answer.status, dict(answer.getheaders()), answer.read())
            behind.close()

        def _answer(self, status: int, headers: dict[str, str], body: bytes) -> None:
            self.send_response(status)
            for name, value in headers.items():
                if name.lower() not in ("transfer-encoding", "connection", "content-length", "date", "server"):
                    self.send_header(name, value)
            size = headers.get("Content-Length", headers.get("content-length"))
            self.send_header("Content-Length", size if self.command == "HEAD" and size else str(len(body)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body)

        do_GET = do_PUT = do_POST = do_HEAD = do_DELETE = _pass

    return Handler
