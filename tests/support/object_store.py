"""An object store on loopback that speaks as much of S3 as Arrow's client does, and can be away or refuse."""

import io
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit
from xml.sax.saxutils import escape

import pytest
from meterstorm.actors.shards import storage

from .processes import PATIENCE_S, eventually

BUCKET, KEY, SECRET = "bucket", "a-key", "a-secret"
MISSING = {"bucket": "NoSuchBucket", "key": "NoSuchKey"}


@dataclass
class Store:
    """The objects of one bucket, by key; requests are noted as (method, key)."""

    port: int = 0
    objects: dict[str, bytes] = field(default_factory=dict)
    uploads: dict[str, dict[int, bytes]] = field(default_factory=dict)
    requests: list[tuple[str, str]] = field(default_factory=list)
    away: int = 0  # so many requests that write are not answered; -1: none is, of any kind
    last: str = ""  # once a key that ends so is there, requests wait until it is taken back, and are lost

    def url(self, prefix: str, bucket: str = BUCKET) -> str:
        """Return the URL of a prefix, with where the store is."""
        return f"s3://{bucket}/{prefix}?scheme=http&endpoint_override=127.0.0.1:{self.port}"

    def is_stopped(self) -> bool:
        """Whether the last object that is to be written is there."""
        return bool(self.last) and any(key.endswith(self.last) for key in list(self.objects))

    def under(self, prefix: str) -> list[str]:
        """Return the keys of objects under a prefix, without it; markers of folders are none."""
        keys = [key for key in sorted(self.objects) if key.startswith(f"{prefix}/") and not key.endswith("/")]
        return [key.removeprefix(f"{prefix}/") for key in keys]


@contextmanager
def serving(port: int = 0) -> Iterator[Store]:
    """Serve an empty store on loopback."""
    store = Store()
    with on_loopback(_Handler, store, port) as store.port:
        yield store


@contextmanager
def on_loopback(handler: type[BaseHTTPRequestHandler], store: Any, port: int = 0) -> Iterator[int]:
    """Serve a store, which the handler finds as its `store`; give the port."""
    server = ThreadingHTTPServer(("127.0.0.1", port), type("Handler", (handler,), {"store": store}))
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        server.server_close()


@contextmanager
def used(monkeypatch: pytest.MonkeyPatch) -> Iterator[Store]:
    """Serve an empty store with the credentials for it in the environment."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", KEY)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    storage._file_system.cache_clear()  # which has the credentials that there were
    with serving() as store:
        yield store
    storage._file_system.cache_clear()


def chunks(file: Any) -> Iterator[bytes]:
    """Yield chunks, each behind a line with its size in hexadecimal digits, until an empty one."""
    while size := int(file.readline().split(b";")[0], 16):
        yield file.read(size)
        file.readline()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    store: Store

    def do_GET(self) -> None:
        self._answered(self._list if "list-type" in self._query() else self._get)

    def do_HEAD(self) -> None:
        self._answered(self._get)

    def do_PUT(self) -> None:
        self._answered(self._put)

    def do_DELETE(self) -> None:
        self._answered(self._delete)

    def do_POST(self) -> None:
        self._answered(self._post)

    def log_message(self, *_: Any) -> None:
        pass

    def _query(self) -> dict[str, str]:
        found = parse_qs(urlsplit(self.path).query, keep_blank_values=True)
        return {name: values[0] for name, values in found.items()}

    def _answered(self, answer: Any) -> None:
        """Answer a request, unless the store is away: the connection then ends without a word."""
        self.body = self._read()
        _, bucket, *key = unquote(urlsplit(self.path).path).split("/", 2)
        self.key = key[0] if key else ""
        if self._is_lost():
            self.close_connection = True
            return
        self.store.requests.append((self.command, self.key))
        if f"Credential={KEY}/" not in self.headers.get("Authorization", ""):
            self._fail(403, "InvalidAccessKeyId")
        elif bucket != BUCKET:
            self._fail(404, MISSING["bucket"])
        else:
            answer()

    def _is_lost(self) -> bool:
        if self.store.is_stopped():
            eventually(lambda: not self.store.is_stopped(), PATIENCE_S)
            return True
        lost = self.store.away < 0 or (self.store.away > 0 and self.command in ("PUT", "POST"))
        self.store.away -= lost and self.store.away > 0
        return lost

    def _read(self) -> bytes:
        if self.headers.get("Transfer-Encoding") == "chunked":
            raw = b"".join(chunks(self.rfile))
            self.rfile.readline()  # no trailers
        else:
            raw = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if "aws-chunked" in self.headers.get("Content-Encoding", ""):
            return b"".join(chunks(io.BytesIO(raw)))  # a checksum comes behind it
        return raw

    def _send(self, status: int = 200, body: bytes = b"", **headers: str) -> None:
        self.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **headers}.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def _xml(self, text: str, status: int = 200) -> None:
        self._send(
            status, f'<?xml version="1.0" encoding="UTF-8"?>{text}'.encode(), Content_Type="application/xml"
        )

    def _fail(self, status: int, code: str) -> None:
        self._xml(f"<Error><Code>{code}</Code><Message>{code}</Message></Error>", status)

    def _get(self) -> None:
        if self.key and self.key not in self.store.objects:
            self._fail(404, MISSING["key"])
            return
        content = self.store.objects.get(self.key, b"")
        asked = re.fullmatch(r"bytes=(\d+)-(\d+)", self.headers.get("Range", ""))
        part = content[int(asked[1]) : int(asked[2]) + 1] if asked else content
        if self.command == "HEAD":
            self._send(200, content, ETag='"e"')
        else:
            self._send(206 if asked else 200, part, ETag='"e"')

    def _put(self) -> None:
        query = self._query()
        if "partNumber" in query:
            self.store.uploads[query["uploadId"]][int(query["partNumber"])] = self.body
        else:
            self.store.objects[self.key] = self.body
        self._send(200, ETag='"e"')

    def _delete(self) -> None:
        upload = self._query().get("uploadId")
        self.store.uploads.pop(upload or "", None)
        if upload is None:
            self.store.objects.pop(self.key, None)
        self._send(204)

    def _post(self) -> None:
        query = self._query()
        if "delete" in query:
            for key in re.findall("<Key>(.*?)</Key>", self.body.decode()):
                self.store.objects.pop(key, None)
            self._xml("<DeleteResult/>")
        elif "uploads" in query:
            name = f"upload-{len(self.store.requests)}"
            self.store.uploads[name] = {}
            self._xml(
                f"<InitiateMultipartUploadResult><UploadId>{name}</UploadId></InitiateMultipartUploadResult>"
            )
        else:
            parts = self.store.uploads.pop(query["uploadId"])
            self.store.objects[self.key] = b"".join(parts[number] for number in sorted(parts))
            self._xml('<CompleteMultipartUploadResult><ETag>"e"</ETag></CompleteMultipartUploadResult>')

    def _list(self) -> None:
        query = self._query()
        prefix, until = query.get("prefix", ""), query.get("delimiter", "")
        keys = [key for key in sorted(self.store.objects) if key.startswith(prefix)]
        most = int(query.get("max-keys", 1000))
        cut = {key: prefix + "".join(key[len(prefix) :].partition(until)[:2]) if until else key for key in keys}
        found = [
            f"<Contents><Key>{escape(key)}</Key><Size>{len(self.store.objects[key])}</Size>"
            "<LastModified>2026-01-01T00:00:00.000Z</LastModified></Contents>"
            for key in [key for key in keys if cut[key] == key][:most]
        ]
        folders = sorted({part for key, part in cut.items() if part != key})
        found += [f"<CommonPrefixes><Prefix>{escape(name)}</Prefix></CommonPrefixes>" for name in folders]
        count = f"<KeyCount>{len(found)}</KeyCount><IsTruncated>false</IsTruncated>"
        self._xml(f"<ListBucketResult>{count}{''.join(found)}</ListBucketResult>")
