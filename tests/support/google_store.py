"""A Google Cloud Storage on loopback that speaks what Arrow's client needs to write, list and remove."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from .object_store import chunks, on_loopback

BUCKET = "bucket"
MISSING = {"error": {"code": 404, "message": "not found"}}
STAMP = "2026-01-01T00:00:00.000Z"


@dataclass
class Google:
    """The objects of one bucket, by key; there are no folders, and none is made up for a key that goes on."""

    port: int = 0
    objects: dict[str, bytes] = field(default_factory=dict)
    uploads: dict[str, tuple[str, bytes]] = field(default_factory=dict)

    def url(self, prefix: str) -> str:
        """Return the URL of a prefix, with where the store is."""
        where = f"scheme=http&endpoint_override=127.0.0.1:{self.port}&retry_limit_seconds=2"
        return f"gs://anonymous@{BUCKET}/{prefix}?{where}"


@contextmanager
def serving() -> Iterator[Google]:
    """Serve an empty store on loopback."""
    store = Google()
    with on_loopback(_Handler, store) as store.port:
        yield store


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    store: Google

    def log_message(self, *_: Any) -> None:
        pass

    def do_GET(self) -> None:
        key = self._key()
        if not key:
            self._json(self._list(self._query("prefix"), self._query("delimiter")))
        elif key not in self.store.objects:
            self._json(MISSING, 404)
        else:
            self._json(self._described(key))

    def do_DELETE(self) -> None:
        if self.store.objects.pop(self._key(), None) is None:
            self._json(MISSING, 404)
        else:
            self._send(204)

    def do_POST(self) -> None:
        self._body()
        name = str(len(self.store.uploads))
        self.store.uploads[name] = (self._query("name"), b"")
        self._send(200, b"{}", Location=f"http://127.0.0.1:{self.store.port}/upload/?upload_id={name}")

    def do_PUT(self) -> None:
        name = self._query("upload_id")
        key, content = self.store.uploads[name]
        content += self._body()
        self.store.uploads[name] = (key, content)
        if self.headers.get("Content-Range", "").endswith("/*"):
            self._send(308, Range=f"bytes=0-{len(content) - 1}")
            return
        self.store.objects[key] = content
        self._json(self._described(key))

    def _query(self, name: str) -> str:
        return parse_qs(urlsplit(self.path).query, keep_blank_values=True).get(name, [""])[0]

    def _key(self) -> str:
        """Return the key of an object; nothing: all of them."""
        return unquote(urlsplit(self.path).path).partition(f"/b/{BUCKET}/o")[2].removeprefix("/")

    def _body(self) -> bytes:
        if self.headers.get("Transfer-Encoding") != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length", 0)))
        content = b"".join(chunks(self.rfile))
        self.rfile.readline()  # no trailers
        return content

    def _described(self, key: str) -> dict[str, str]:
        numbers = {"size": str(len(self.store.objects[key])), "generation": "1", "metageneration": "1"}
        return {"kind": "storage#object", "id": key, "name": key, "bucket": BUCKET, "updated": STAMP, **numbers}

    def _list(self, prefix: str, until: str) -> dict[str, Any]:
        keys = [key for key in sorted(self.store.objects) if key.startswith(prefix)]
        cut = {key for key in keys if until and until in key.removeprefix(prefix)}
        folders = sorted({prefix + key.removeprefix(prefix).partition(until)[0] + until for key in cut})
        items = [self._described(key) for key in keys if key not in cut]
        return {"kind": "storage#objects", "items": items, "prefixes": folders}

    def _json(self, content: Any, status: int = 200) -> None:
        self._send(status, json.dumps(content).encode())

    def _send(self, status: int, body: bytes = b"", **headers: str) -> None:
        self.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **headers}.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(body)
