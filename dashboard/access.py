"""Who may reach the pages at all: this machine alone, people with an invite, people who sign in elsewhere."""

import ipaddress
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from curation.errors import InputError, WorkspaceError

LOOPBACK = "127.0.0.1"
LOOPBACKS = (LOOPBACK, "localhost", "::1")
"""The names by which a machine reaches itself."""
ACCESS = "STILLHOUSE_ACCESS"
"""Environment variable: `invites`, `oidc`, or `local`, where whoever reaches the server may do everything."""
PUBLIC = "STILLHOUSE_HOST"
"""Environment variable: the name or address under which people elsewhere reach the server; empty for nobody."""
NAME = re.compile(r"[a-z0-9]([a-z0-9.-]*[a-z0-9])?", re.IGNORECASE)
CALLBACK = "/oauth2callback"
SECRET_LENGTH = 32


@dataclass(frozen=True)
class Access:
    """How the pages are served: to whom, and under which name."""

    invites: bool = False
    oidc: bool = False
    public: str = ""
    """The name or address that people elsewhere ask for; empty when only this machine may."""

    @property
    def local(self) -> bool:
        """Whether whoever reaches the server may do everything, so that only this machine may reach it."""
        return not (self.invites or self.oidc)

    @property
    def tls(self) -> bool:
        """Whether browsers reach it by https: a name is served by a proxy on this machine, which adds it."""
        return bool(self.public) and _literal(self.public) is None

    @property
    def bind(self) -> str:
        """The address the server listens on: its own machine's, unless another was named in so many numbers."""
        return LOOPBACK if not self.public or self.tls else self.public

    @property
    def hosts(self) -> tuple[str, ...]:
        """The names the server answers to, without a port."""
        return (*LOOPBACKS, self.public) if self.public else LOOPBACKS

    def base(self, port: int) -> str:
        """Where a browser finds the pages, without a slash at the end."""
        name = f"[{self.public}]" if ":" in self.public else self.public
        return f"https://{self.public}" if self.tls else f"http://{name or LOOPBACK}:{port}"

    def command(self, port: int) -> str:
        """The command that serves them so."""
        host = f" --host {self.public}" if self.public else ""
        return f"`stillhouse dashboard --access invites{host}{'' if port == 8501 or self.tls else f' --port {port}'}`"

    @property
    def variables(self) -> dict[str, str]:
        """What the server's environment says of it; `of` reads it again."""
        return {ACCESS: "oidc" if self.oidc else "invites" if self.invites else "local", PUBLIC: self.public}

    @classmethod
    def of(cls, variables: Mapping[str, str]) -> "Access":
        """As a server finds it in its environment; an unknown word is an error, never a reason to let people in."""
        said = variables.get(ACCESS) or "local"
        if said not in ("local", "invites", "oidc"):
            raise WorkspaceError(f"{ACCESS} is {said!r}, not local, invites or oidc")
        return allowed(variables.get(PUBLIC, ""), invites=said != "local", oidc=said == "oidc")


LOCAL = Access()


def allowed(host: str, *, invites: bool = False, oidc: bool = False, port: int = 8501) -> Access:
    """The access that was asked for; InputError where it would show the pages to anybody, or names no one place.

    Invites count beside OIDC too: those who run a study sign in, and raters come by link.
    """
    name = host.strip("[]").lower()
    literal = _literal(name)
    if not name or name == "localhost" or (literal is not None and literal.is_loopback):
        return Access(invites or oidc, oidc)
    if literal is None and not NAME.fullmatch(name):
        raise InputError(f"--host {host!r} is no name: give it without https:// and port, as in reviews.example.org")
    if literal is not None and literal.is_unspecified:
        raise InputError(f"--host {host} is every address of this machine; give the one name or address people ask for")
    if not (invites or oidc):
        raise InputError(
            f"--host {host} would show every page to whoever finds it: add --access invites (one-time links) or "
            f"--oidc FILE (signing in), and put a proxy with TLS before it: {proxy(name, port)}"
        )
    return Access(True, oidc, name)


def proxy(name: str, port: int) -> str:
    """The command of a proxy with TLS before the server on this machine."""
    return f"caddy reverse-proxy --from {name} --to {LOOPBACK}:{port or 8501}"


def sign_in_file(path: Path, access: Access) -> None:
    """Check a secrets file for signing in; InputError says what is missing or would send people elsewhere."""
    try:
        auth = tomllib.loads(path.read_text(encoding="utf-8")).get("auth")
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}") from error
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise InputError(f"{path} is not TOML: {error}") from error
    if not isinstance(auth, dict):
        raise InputError(f"{path} has no table [auth] with redirect_uri, cookie_secret and a provider's client_id")
    _redirect(path, str(auth.get("redirect_uri", "")), access)
    if len(str(auth.get("cookie_secret", ""))) < SECRET_LENGTH:
        raise InputError(
            f"{path}: cookie_secret signs who somebody is, so it takes {SECRET_LENGTH} random characters or more: "
            "python -c 'import secrets; print(secrets.token_urlsafe(32))'"
        )
    for provider in providers(auth):
        _provider(path, provider, auth[provider] if provider else auth)


def providers(auth: Mapping[str, Any]) -> list[str | None]:
    """Whom one can sign in with: the names of the tables below [auth], or None for [auth] itself."""
    named: list[str | None] = [
        name for name, value in auth.items() if isinstance(value, Mapping) and "client_id" in value
    ]
    return named or [None]


def _redirect(path: Path, redirect: str, access: Access) -> None:
    parts = urlsplit(redirect)
    scheme = "https" if access.tls else "http"
    wanted = f"{scheme}://{access.public or 'localhost:PORT'}{CALLBACK}"
    if parts.scheme != scheme or parts.path != CALLBACK or (parts.hostname or "") not in access.hosts:
        raise InputError(f"{path}: redirect_uri is {redirect!r}; people come back to {wanted}")


def _provider(path: Path, name: str | None, table: Mapping[str, Any]) -> None:
    where = f"[auth.{name}]" if name else "[auth]"
    if missing := [k for k in ("client_id", "client_secret", "server_metadata_url") if not table.get(k)]:
        raise InputError(f"{path}: {where} has no {', '.join(missing)}")
    parts = urlsplit(str(table["server_metadata_url"]))
    if parts.scheme != "https" and (parts.hostname or "") not in LOOPBACKS:
        raise InputError(f"{path}: {where} server_metadata_url must be https, or anybody on the way can sign people in")


def _literal(name: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(name)
    except ValueError:
        return None
