"""A local HTTP server that answers as a vendor does, and goes wrong on demand."""

import json
import random
import socket
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Protocol
from urllib.parse import parse_qs, urlsplit


@dataclass
class Request:
    """One call as it came in."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body) if self.body else {}


@dataclass
class Answer:
    """What the vendor answers; `body` is sent as JSON unless it is text or bytes."""

    status: int
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)


@dataclass
class Fault:
    """What goes wrong with the next calls whose method and path hold `where`.

    kind: "instead" answers `answer` and does nothing, "after" does the work and answers `answer`,
    "cut" closes the connection before the work, "cut after" behind it, "stall" does the work and
    answers too late, "torn" does the work and breaks off in the middle of the answer.
    """

    kind: str
    where: str = ""
    answer: Answer | None = None
    times: int = 1


class Vendor(Protocol):
    def answer(self, request: Request) -> Answer: ...


class FaultyServer:
    """Serve a vendor on a port of this machine; `calls` keeps what was asked."""

    def __init__(self, vendor: Vendor) -> None:
        self.vendor = vendor
        self.calls: list[Request] = []
        self.faults: list[Fault] = []
        self.chaos: tuple[random.Random, float, list[Fault]] | None = None
        self.lock = threading.Lock()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            # Or each piece of an answer waits for an acknowledgement of the one before.
            disable_nagle_algorithm, wbufsize = True, -1

            def handle_any(self) -> None:
                outer.handle(self)

            do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = handle_any

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.server.handle_error = lambda *_: None  # type: ignore[method-assign]
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"

    @contextmanager
    def running(self) -> Iterator["FaultyServer"]:
        thread = threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        try:
            yield self
        finally:
            self.server.shutdown()
            self.server.server_close()
            thread.join()

    def count(self, where: str) -> int:
        return sum(where in f"{call.method} {call.path}" for call in self.calls)

    def handle(self, handler: BaseHTTPRequestHandler) -> None:
        split = urlsplit(handler.path)
        body = handler.rfile.read(int(handler.headers.get("Content-Length") or 0))
        query = {name: values[0] for name, values in parse_qs(split.query).items()}
        request = Request(handler.command, split.path, query, dict(handler.headers), body)
        with self.lock:
            self.calls.append(request)
            fault = self._fault(request)
            done = None
            if fault is None or fault.kind in {"after", "cut after", "stall", "torn"}:
                done = self.vendor.answer(request)
        if fault is None:
            _send(handler, done)
        elif fault.kind in {"instead", "after"}:
            _send(handler, fault.answer)
        elif fault.kind == "stall":
            time.sleep(1.0)
            handler.close_connection = True
        elif fault.kind == "torn":
            _send(handler, done, torn=True)
            _cut(handler)
        else:
            _cut(handler)

    def _fault(self, request: Request) -> Fault | None:
        called = f"{request.method} {request.path}"
        for fault in self.faults:
            if fault.where in called and fault.times > 0:
                fault.times -= 1
                return fault
        if self.chaos is not None and self.chaos[0].random() < self.chaos[1]:
            return self.chaos[0].choice(self.chaos[2])
        return None


def _send(handler: BaseHTTPRequestHandler, answer: Answer | None, torn: bool = False) -> None:
    assert answer is not None
    data = answer.body
    if not isinstance(data, bytes):
        data = (data if isinstance(data, str) else json.dumps(data)).encode()
    if answer.body is None:
        data = b""
    handler.send_response(answer.status)
    for name, value in {"Content-Type": "application/json", **answer.headers}.items():
        handler.send_header(name, value)
    handler.send_header("Content-Length", str(len(data)))
    handler.end_headers()
    handler.wfile.write(data[: len(data) // 2] if torn else data)


def _cut(handler: BaseHTTPRequestHandler) -> None:
    handler.wfile.flush()
    handler.close_connection = True
    handler.connection.shutdown(socket.SHUT_RDWR)
