"""A small OpenID Connect issuer on this machine: real HTTP, real signed tokens, whoever the test says signs in."""

import json
import secrets
import threading
import time
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

from joserfc import jwt
from joserfc.jwk import RSAKey


@dataclass
class Issuer:
    """Whoever comes is signed in as `claims` say, for `seconds`; a wrong `key` signs what nobody should believe."""

    port: int
    claims: dict[str, Any] = field(default_factory=dict)
    seconds: float = 3600
    key: RSAKey = field(default_factory=lambda: RSAKey.generate_key(2048, {"kid": "one", "alg": "RS256", "use": "sig"}))
    signs: RSAKey | None = None
    codes: dict[str, dict[str, str]] = field(default_factory=dict)
    logouts: int = 0

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def metadata(self) -> dict[str, Any]:
        places = {"authorization": "authorize", "token": "token", "end_session": "logout"}
        return {
            "issuer": self.address,
            **{f"{name}_endpoint": f"{self.address}/{path}" for name, path in places.items()},
            "jwks_uri": f"{self.address}/jwks",
            "response_types_supported": ["code"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": ["RS256"],
            "code_challenge_methods_supported": ["S256"],
        }

    def token(self, asked: dict[str, str]) -> dict[str, Any]:
        now = int(time.time())
        said = {
            "iss": self.address,
            "aud": asked["client_id"],
            "sub": self.claims.get("email", "x"),
            "iat": now,
            "exp": int(now + self.seconds),
            "nonce": asked["nonce"],
            **self.claims,
        }
        signed = jwt.encode({"alg": "RS256", "kid": "one"}, said, self.signs or self.key)
        return {"id_token": signed, "access_token": secrets.token_hex(8), "token_type": "Bearer", "expires_in": 60}

    def secrets_file(self, path: Any, base: str) -> Any:
        """Write the file with which a dashboard at `base` signs people in here."""
        told = {
            "redirect_uri": f"{base}/oauth2callback",
            "cookie_secret": secrets.token_urlsafe(32),
            "client_id": "stillhouse",
            "client_secret": secrets.token_urlsafe(16),
            "server_metadata_url": f"{self.address}/.well-known/openid-configuration",
        }
        path.write_text("[auth]\n" + "".join(f'{k} = "{v}"\n' for k, v in told.items()), encoding="utf-8")
        return path


@contextmanager
def issuing() -> Generator[Issuer]:
    """An issuer for the length of a `with`."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    server.issuer = issuer = Issuer(server.server_address[1])  # type: ignore[attr-defined]
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield issuer
    server.shutdown()
    thread.join()
    server.server_close()


class _Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        issuer: Issuer = self.server.issuer  # type: ignore[attr-defined]
        parts = urlsplit(self.path)
        asked = {name: values[0] for name, values in parse_qs(parts.query).items()}
        match parts.path:
            case "/.well-known/openid-configuration":
                self.json(issuer.metadata)
            case "/jwks":
                self.json({"keys": [issuer.key.as_dict(private=False)]})
            case "/authorize":
                code = secrets.token_hex(8)
                issuer.codes[code] = asked
                self.redirect(asked["redirect_uri"], code=code, state=asked["state"])
            case "/logout":
                issuer.logouts += 1
                self.redirect(asked["post_logout_redirect_uri"])
            case _:
                self.send_error(404)

    def do_POST(self) -> None:
        issuer: Issuer = self.server.issuer  # type: ignore[attr-defined]
        body = self.rfile.read(int(self.headers["content-length"])).decode()
        asked = {name: values[0] for name, values in parse_qs(body).items()}
        self.json(issuer.token(issuer.codes.pop(asked["code"])))

    def json(self, told: dict[str, Any]) -> None:
        body = json.dumps(told).encode()
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def redirect(self, where: str, **parameters: str) -> None:
        self.send_response(302)
        self.send_header("location", f"{where}?{urlencode(parameters)}" if parameters else where)
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        pass
