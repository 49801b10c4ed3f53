"""An AI agent that signs its requests, written from RFC 9421 and without anything of ours."""

import base64
import hashlib
import json
from dataclasses import dataclass
from datetime import datetime

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

AGENT = "https://agent.example"
_KEY = Ed25519PrivateKey.from_private_bytes(hashlib.sha256(b"a key of tests").digest())
_X = base64.urlsafe_b64encode(_KEY.public_key().public_bytes_raw()).decode().rstrip("=")
#: The directory of keys that it publishes.
KEYS = json.dumps({"keys": [{"kty": "OKP", "crv": "Ed25519", "x": _X, "use": "sig"}]}).encode()
_THUMB = hashlib.sha256(f'{{"crv":"Ed25519","kty":"OKP","x":"{_X}"}}'.encode()).digest()
KEY_ID = base64.urlsafe_b64encode(_THUMB).decode().rstrip("=")


@dataclass(frozen=True)
class SigningAgent:
    """At a moment, for some seconds. `covered`: what it signs."""

    at: datetime
    seconds: int = 300
    named: str = f'"{AGENT}"'
    tag: str = "web-bot-auth"
    covered: tuple[str, ...] = ("@authority", "@method", "@path", "signature-agent")

    def headers(self, method: str, path: str, host: str, query: str = "") -> dict[bytes, bytes]:
        """Of a request of these, Host with them."""
        created = int(self.at.timestamp())
        listed = " ".join(f'"{each}"' for each in self.covered)
        params = (
            f'({listed});created={created};keyid="{KEY_ID}";alg="ed25519";expires={created + self.seconds}'
            f';nonce="e8N7S2MFd/qrd6T2R3tdfA==";tag="{self.tag}"'
        )
        values = {
            "@authority": host,
            "@method": method,
            "@path": path,
            "@query": f"?{query}",
            "@target-uri": f"https://{host}{path}" + (f"?{query}" if query else ""),
            "signature-agent": self.named,
        }
        lines = [f'"{each}": {values.get(each, "")}' for each in self.covered]
        base = "\n".join([*lines, f'"@signature-params": {params}'])
        signature = base64.b64encode(_KEY.sign(base.encode())).decode()
        return {
            b"host": host.encode(),
            b"signature-agent": self.named.encode(),
            b"signature-input": f"sig1={params}".encode(),
            b"signature": f"sig1=:{signature}:".encode(),
        }
