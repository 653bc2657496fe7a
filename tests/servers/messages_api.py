"""A loopback server that speaks the Messages API, streaming, from a script.

It knows nothing of assay: it checks what the real server checks first (path, version, key, required fields) and
plays one scripted reply a request. When the script is used up, `default` answers, or the test fails with a 500.
"""

import json
import socket
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

KEY = "sk-test-0123456789abcdef"
USAGE = {
    "input_tokens": 1000,
    "cache_creation_input_tokens": 2000,
    "cache_read_input_tokens": 3000,
    "output_tokens": 400,
}

Reply = Callable[["Handler"], None]


def answer(content: Any, stop_reason: str = "end_turn", details: dict[str, Any] | None = None) -> Reply:
    """A complete answer; `content` is JSON data, or a text that is sent as it is. Thinking comes before it."""
    text = content if isinstance(content, str) else json.dumps(content)

    def play(handler: "Handler") -> None:
        handler.begin()
        handler.event("ping")
        handler.block(0, {"type": "thinking", "thinking": "", "signature": ""}, "signature_delta", signature="c2ln")
        if text:
            middle = len(text) // 2
            handler.block(1, {"type": "text", "text": ""}, "text_delta", text=text[:middle], more=text[middle:])
        handler.end(stop_reason, details)

    return play


def error(status: int, kind: str, message: str = "scripted", **headers: str) -> Reply:
    """An error before any stream. Headers are named with underscores."""

    def play(handler: "Handler") -> None:
        handler.fail(status, kind, message, {name.replace("_", "-"): value for name, value in headers.items()})

    return play


def stalled(handler: "Handler") -> None:
    """Begins an answer and then says nothing until the server stops."""
    handler.begin()
    handler.server.stopping.wait(30)


def pinging(handler: "Handler") -> None:
    """Begins an answer and then sends nothing but pings until the server stops."""
    handler.begin()
    while not handler.server.stopping.wait(0.05):
        handler.event("ping")


def silent(handler: "Handler") -> None:
    """Never answers at all."""
    handler.server.stopping.wait(30)


def cut(handler: "Handler") -> None:
    """Begins an answer, then the connection is gone."""
    handler.begin()
    handler.connection.shutdown(socket.SHUT_RDWR)


def overloaded_mid_stream(handler: "Handler") -> None:
    """Begins an answer and then reports an error within the stream."""
    handler.begin()
    handler.event("error", error={"type": "overloaded_error", "message": "Overloaded"})


def without_usage(handler: "Handler") -> None:
    """Begins an answer that lacks what the real server always sends."""
    handler.begin(usage=None)
    handler.end("end_turn", None)


def not_the_api(handler: "Handler") -> None:
    """A proxy's page instead of an answer."""
    handler.send_response(200)
    handler.send_header("content-type", "text/html")
    handler.end_headers()
    handler.wfile.write(b"<html>Please log in</html>")


class MessagesServer(ThreadingHTTPServer):
    """Use as a context manager. `requests` holds the bodies received, `keys` the keys they came with."""

    daemon_threads = True

    def __init__(self, *script: Reply, default: Callable[[dict[str, Any]], Any] | None = None) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.script = list(script)
        self.default = default
        self.requests: list[dict[str, Any]] = []
        self.keys: list[str] = []
        self.stopping = threading.Event()
        self._thread = threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def __enter__(self) -> "MessagesServer":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stopping.set()
        self.shutdown()
        self.server_close()
        self._thread.join()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Clients that go away in the middle of an answer are part of the script."""


class Handler(BaseHTTPRequestHandler):
    server: MessagesServer

    def log_message(self, format: str, *args: Any) -> None:
        pass

    def do_POST(self) -> None:
        self.body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        self.server.requests.append(self.body)
        # The API takes a key in either header; which one is sent depends on the client's version.
        key = self.headers["x-api-key"] or (self.headers["authorization"] or "").removeprefix("Bearer ")
        self.server.keys.append(key)
        if self.path != "/v1/messages" or not self.headers["anthropic-version"]:
            self.fail(404, "not_found_error", self.path)
        elif key != KEY:
            self.fail(401, "authentication_error", f"invalid key {key}")
        elif not {"model", "max_tokens", "messages"} <= set(self.body) or self.body.get("stream") is not True:
            self.fail(400, "invalid_request_error", "a required field is missing")
        elif self.server.script:
            self.server.script.pop(0)(self)
        elif self.server.default is not None:
            answer(self.server.default(self.body))(self)
        else:
            self.fail(500, "api_error", "the script is used up", {"x-should-retry": "false"})

    def fail(self, status: int, kind: str, message: str, headers: dict[str, str] | None = None) -> None:
        data = json.dumps({"type": "error", "error": {"type": kind, "message": message}, "request_id": "req_1"})
        self.send_response(status)
        for name, value in {"content-type": "application/json", **(headers or {})}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(data.encode())

    def event(self, kind: str, **data: Any) -> None:
        self.wfile.write(f"event: {kind}\ndata: {json.dumps({'type': kind, **data})}\n\n".encode())
        self.wfile.flush()

    def begin(self, **fields: Any) -> None:
        self.send_response(200)
        self.send_header("content-type", "text/event-stream")
        self.end_headers()
        message = {
            "id": f"msg_{len(self.server.requests)}",
            "type": "message",
            "role": "assistant",
            "model": self.body["model"],
            "content": [],
            "stop_reason": None,
            "stop_sequence": None,
            "usage": {**USAGE, "output_tokens": 1},
            **fields,
        }
        self.event("message_start", message=message)

    def block(self, index: int, block: dict[str, Any], delta: str, more: str = "", **content: str) -> None:
        self.event("content_block_start", index=index, content_block=block)
        self.event("content_block_delta", index=index, delta={"type": delta, **content})
        if more:
            self.event("content_block_delta", index=index, delta={"type": delta, "text": more})
        self.event("content_block_stop", index=index)

    def end(self, stop_reason: str, details: dict[str, Any] | None) -> None:
        delta = {"stop_reason": stop_reason, "stop_sequence": None, "stop_details": details}
        self.event("message_delta", delta=delta, usage={"output_tokens": USAGE["output_tokens"]})
        self.event("message_stop")
