"""A server that speaks the part of Cloud Storage's XML interface that our client uses, and holds it strictly.

It checks the signature, the times and the scope of each token, the rights of its holder on the bucket,
lengths, and the condition on the generation, under one lock; it lists a thousand keys at a time. It does not
know other ways to sign in, uploads in parts, versions, locks, soft delete, nor how fast the real one is.
"""

import base64
import hashlib
import json
import re
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit
from xml.sax.saxutils import escape

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

BUCKET = "footfall-test"
#: A bucket in which the writer has no rights.
FOREIGN = "somebody-elses"
WRITER = "writer@acme.iam.gserviceaccount.com"
READER = "reader@acme.iam.gserviceaccount.com"
#: Whoever replaces an object needs the right to delete it, and this one has none.
CREATOR = "creator@acme.iam.gserviceaccount.com"
_SCOPES = tuple(
    f"https://www.googleapis.com/auth/{name}"
    for name in ("cloud-platform", "devstorage.full_control", "devstorage.read_write")
)
_RIGHTS = {"PUT": "create", "GET": "get", "HEAD": "get", "DELETE": "delete"}
_HAS = {
    WRITER: frozenset({"create", "get", "list", "delete"}),
    READER: frozenset({"get", "list"}),
    CREATOR: frozenset({"create", "get", "list"}),
}
_PAGE = 1000
_LIFETIME = 3600


@dataclass
class GcsServer:
    """A running server: its address and the keys of its service accounts, as Google gives them out."""

    endpoint: str
    keys: dict[str, str]
    bucket: str = BUCKET
    #: Answers, status and code, that the next requests get whatever they ask.
    faults: list[tuple[int, str]] = field(default_factory=list)
    objects: dict[tuple[str, str], tuple[bytes, int]] = field(default_factory=dict)

    @property
    def key(self) -> str:
        """The key of the account that may do everything in the bucket."""
        return self.keys[WRITER]


@contextmanager
def gcs_server() -> Iterator[GcsServer]:
    """Serve on a port of its own, from memory."""
    private = {name: generate_private_key(65537, 2048) for name in (WRITER, READER, CREATOR)}
    with ThreadingHTTPServer(("127.0.0.1", 0), _Handler) as server:
        made = GcsServer(
            f"http://127.0.0.1:{server.server_port}",
            {name: _key_file(name, key) for name, key in private.items()},
        )
        server.state = _State(made, private)  # type: ignore[attr-defined]
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield made
        finally:
            server.shutdown()
            thread.join()


def _key_file(name: str, key: RSAPrivateKey) -> str:
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    return json.dumps(
        {"type": "service_account", "client_email": name, "private_key_id": f"id-{name}", "private_key": pem}
    )


class _State:
    def __init__(self, server: GcsServer, private: dict[str, RSAPrivateKey]) -> None:
        self.server = server
        self.lock = threading.Lock()
        self.generation = 1_000
        self.public = {name: key.public_key() for name, key in private.items()}

    def holder(self, header: str) -> str:
        """Whose token it is. Raises _Refused."""
        scheme, _, token = header.partition(" ")
        parts = token.split(".")
        if scheme != "Bearer" or len(parts) != 3:
            raise _Refused(401, "AuthenticationRequired", "Authentication required.")
        head, claims = (json.loads(_decoded(part)) for part in parts[:2])
        public = self.public.get(claims.get("iss", ""))
        try:
            if public is None or head["alg"] != "RS256" or head["kid"] != f"id-{claims['iss']}":
                raise InvalidSignature
            signed = f"{parts[0]}.{parts[1]}".encode()
            public.verify(_decoded(parts[2]), signed, PKCS1v15(), SHA256())
        except InvalidSignature:
            raise _Refused(401, "AuthenticationRequired", "Invalid token.") from None
        now = time.time()
        if not (
            now - _LIFETIME - 60 <= claims["iat"] <= now + 60 and claims["exp"] - claims["iat"] <= _LIFETIME
        ):
            raise _Refused(401, "AuthenticationRequired", "The token has expired.")
        if claims.get("scope") not in _SCOPES:
            raise _Refused(403, "AccessDenied", "Access denied.", "The token has no scope for this.")
        return str(claims["iss"])

    def require_right(self, who: str, bucket: str, right: str) -> None:
        if bucket not in (BUCKET, FOREIGN):
            raise _Refused(404, "NoSuchBucket", "The specified bucket does not exist.")
        has = bucket == BUCKET and right in _HAS[who]
        if not has:
            said = f"{who} does not have storage.objects.{right} access to the Google Cloud Storage object."
            raise _Refused(403, "AccessDenied", "Access denied.", said)


class _Refused(Exception):
    def __init__(self, status: int, code: str, message: str, details: str = "") -> None:
        super().__init__(code)
        self.status = status
        text = f"<Code>{code}</Code><Message>{escape(message)}</Message>"
        text += f"<Details>{escape(details)}</Details>" if details else ""
        self.body = f"<?xml version='1.0' encoding='UTF-8'?><Error>{text}</Error>".encode()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1  # head and body in one packet

    def _any(self) -> None:
        state: _State = self.server.state  # type: ignore[attr-defined]
        parts = urlsplit(self.path)
        _, bucket, key = (unquote(each) for each in (*parts.path.split("/", 2), "")[:3])
        data = self.rfile.read(int(self.headers.get("content-length") or 0))
        try:
            if state.server.faults:
                raise _Refused(*state.server.faults.pop(0), "It was asked to fail.")
            who = state.holder(self.headers.get("authorization", ""))
            state.require_right(who, bucket, "list" if not key else _RIGHTS[self.command])
            if not key:
                return self._list(state, bucket, parse_qs(parts.query))
            with state.lock:
                if self.command == "PUT" and (bucket, key) in state.server.objects:
                    state.require_right(who, bucket, "delete")
                getattr(self, f"_{self.command.lower()}")(state, (bucket, key), data)
        except _Refused as refused:
            self._answer(refused.status, refused.body)
        return None

    do_GET = do_PUT = do_HEAD = do_DELETE = do_POST = _any

    def _put(self, state: _State, name: tuple[str, str], data: bytes) -> None:
        there = state.server.objects.get(name)
        wanted = self.headers.get("x-goog-if-generation-match")
        if "content-length" not in self.headers:
            raise _Refused(411, "MissingContentLength", "You must provide the Content-Length HTTP header.")
        if wanted is not None and int(wanted) != (there[1] if there else 0):
            raise _Refused(412, "PreconditionFailed", "At least one of the pre-conditions did not hold.")
        state.generation += 1
        state.server.objects[name] = (data, state.generation)
        self._answer(200, b"", self._facts(data, state.generation))

    def _get(self, state: _State, name: tuple[str, str], _: bytes) -> None:
        if name not in state.server.objects:
            raise _Refused(404, "NoSuchKey", "The specified key does not exist.")
        data, generation = state.server.objects[name]
        facts = self._facts(data, generation)
        span = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("range", ""))
        if span is None:
            return self._answer(200, data, facts)
        first, last = int(span[1]), min(int(span[2] or len(data) - 1), len(data) - 1)
        facts["content-range"] = f"bytes {first}-{last}/{len(data)}"
        return self._answer(206, data[first : last + 1], facts)

    _head = _get

    def _delete(self, state: _State, name: tuple[str, str], _: bytes) -> None:
        if state.server.objects.pop(name, None) is None:
            raise _Refused(404, "NoSuchKey", "The specified key does not exist.")
        self._answer(204, b"")

    def _list(self, state: _State, bucket: str, query: dict[str, list[str]]) -> None:
        if query.get("list-type") != ["2"] or self.command != "GET":
            raise _Refused(501, "NotImplemented", "This server lists by list-type=2.")
        prefix = query.get("prefix", [""])[0]
        after = query.get("continuation-token", query.get("start-after", [""]))[0]
        with state.lock:
            found = sorted(
                (key, *each)
                for (where, key), each in state.server.objects.items()
                if where == bucket and key.startswith(prefix) and key > after
            )
        page = found[:_PAGE]
        more = len(found) > len(page)
        lines = "".join(
            f"<Contents><Key>{escape(key)}</Key><Generation>{generation}</Generation>"
            f"<LastModified>2026-11-20T14:00:00.000Z</LastModified><ETag>{_etag(data)}</ETag>"
            f"<Size>{len(data)}</Size></Contents>"
            for key, data, generation in page
        )
        following = f"<NextContinuationToken>{escape(page[-1][0])}</NextContinuationToken>" if more else ""
        self._answer(
            200,
            f"<?xml version='1.0' encoding='UTF-8'?><ListBucketResult><Name>{bucket}</Name>"
            f"<IsTruncated>{str(more).lower()}</IsTruncated>{following}{lines}</ListBucketResult>".encode(),
        )

    @staticmethod
    def _facts(data: bytes, generation: int) -> dict[str, str]:
        return {
            "etag": _etag(data),
            "x-goog-generation": str(generation),
            "last-modified": "Fri, 20 Nov 2026 14:00:00 GMT",
        }

    def _answer(self, status: int, body: bytes, headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        if status != 204:
            self.send_header("content-length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)
        self.wfile.flush()

    def log_message(self, *_: Any) -> None:
        pass


def _etag(data: bytes) -> str:
    return f'"{hashlib.md5(data, usedforsecurity=False).hexdigest()}"'


def _decoded(part: str) -> bytes:
    return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))
