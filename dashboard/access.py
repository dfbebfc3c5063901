"""Who may reach the pages at all: this machine alone, people with an invite, people who sign in elsewhere."""

import ipaddress
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, replace
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
BIND = "STILLHOUSE_BIND"
"""Environment variable: the address the server listens on, where it is not the one that goes with the name."""
FORWARDED = "FORWARDED_ALLOW_IPS"
"""Environment variable of the web server: the addresses and networks of proxies, by commas, that are believed when
they say in X-Forwarded-For who asks; this machine's own where it is not set."""
EVERYBODY = ("0.0.0.0/0", "::/0", "::ffff:0:0/96", "2000::/3")
"""Networks that hold every address of some kind: to believe them is to believe anybody."""
NAME = re.compile(r"[a-z0-9]([a-z0-9.-]*[a-z0-9])?", re.IGNORECASE)
Network = ipaddress.IPv4Network | ipaddress.IPv6Network
CALLBACK = "/oauth2callback"
SECRET_LENGTH = 32


@dataclass(frozen=True)
class Access:
    """How the pages are served: to whom, and under which name."""

    invites: bool = False
    oidc: bool = False
    public: str = ""
    """The name or address that people elsewhere ask for; empty when only this machine may."""
    listen: str = ""
    """The address to listen on, where another one was asked for than `public` goes with."""

    @property
    def local(self) -> bool:
        """Whether whoever reaches the server may do everything, so that only this machine may reach it."""
        return not (self.invites or self.oidc)

    @property
    def tls(self) -> bool:
        """Whether browsers reach it by https: a name is served by a proxy, which adds it."""
        return bool(self.public) and _literal(self.public) is None

    @property
    def bind(self) -> str:
        """The address the server listens on: its own machine's, unless another was named in so many numbers."""
        return self.listen or (LOOPBACK if not self.public or self.tls else self.public)

    @property
    def everywhere(self) -> bool:
        """Whether the server listens on every address of its machine."""
        address = _literal(self.bind)
        return address is not None and address.is_unspecified

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
        host += f" --bind {self.listen}" if self.listen else ""
        return f"`stillhouse dashboard --access invites{host}{'' if port == 8501 or self.tls else f' --port {port}'}`"

    @property
    def variables(self) -> dict[str, str]:
        """What the server's environment says of it; `of` reads it again."""
        said = "oidc" if self.oidc else "invites" if self.invites else "local"
        return {ACCESS: said, PUBLIC: self.public, BIND: self.listen}

    @classmethod
    def of(cls, variables: Mapping[str, str]) -> "Access":
        """As a server finds it in its environment; an unknown word is an error, never a reason to let people in.

        So is a proxy's address that would let anybody say who they are.
        """
        said = variables.get(ACCESS) or "local"
        if said not in ("local", "invites", "oidc"):
            raise WorkspaceError(f"{ACCESS} is {said!r}, not local, invites or oidc")
        believed(variables)
        public, bind = variables.get(PUBLIC, ""), variables.get(BIND, "")
        return allowed(public, invites=said != "local", oidc=said == "oidc", bind=bind)


LOCAL = Access()


def allowed(host: str, *, invites: bool = False, oidc: bool = False, port: int = 8501, bind: str = "") -> Access:
    """The access that was asked for; InputError where it would show the pages to anybody, or names no one place.

    Invites count beside OIDC too: those who run a study sign in, and raters come by link. `bind` is the address to
    listen on where a proxy is not on this machine; what the server answers to stays what `host` says.
    """
    access = _named(host, invites=invites, oidc=oidc, port=port)
    return replace(access, listen=_listen(bind, access)) if bind else access


def _named(host: str, *, invites: bool, oidc: bool, port: int) -> Access:
    """Who is let in, and under which name."""
    name = host.strip("[]").lower()
    literal = _literal(name)
    if not name or name == "localhost" or (literal is not None and literal.is_loopback):
        return Access(invites or oidc, oidc)
    if literal is None and not NAME.fullmatch(name):
        raise InputError(f"--host {host!r} is no name: give it without https:// and port, as in reviews.example.org")
    if literal is not None and literal.is_unspecified:
        raise InputError(
            f"--host {host} is every address of this machine; give the one name or address people ask for, and where "
            f"to listen as --bind {host}"
        )
    if not (invites or oidc):
        raise InputError(
            f"--host {host} would show every page to whoever finds it: add --access invites (one-time links) or "
            f"--oidc FILE (signing in), and put a proxy with TLS before it: {proxy(name, port)}"
        )
    return Access(True, oidc, name)


def _listen(bind: str, access: Access) -> str:
    """The address to listen on as a server is told it; empty where it is the one that goes with the name."""
    address = _literal(bind.strip("[]"))
    if address is None:
        raise InputError(f"--bind {bind!r} is no address: give one of this machine's, or 0.0.0.0 or :: for all it has")
    if str(address) == access.bind:
        return ""
    if access.local or not access.public:
        raise InputError(
            f"--bind {bind} lets other machines ask for the pages: add --access invites (one-time links) or "
            "--oidc FILE (signing in), and the one name or address people ask for, as in --host reviews.example.org"
        )
    return str(address)


def believed(variables: Mapping[str, str]) -> list[str]:
    """The proxies elsewhere that say who asks; WorkspaceError where that would be anybody, or nobody that exists."""
    found = [part.strip() for part in variables.get(FORWARDED, "").split(",") if part.strip()]
    for part in found:
        try:
            network = ipaddress.ip_network(part)
        except ValueError as error:
            raise WorkspaceError(
                f"{FORWARDED} names {part!r}: give the addresses or networks of your proxies, as in 172.18.0.0/16"
            ) from error
        if any(_holds(network, ipaddress.ip_network(all_of)) for all_of in EVERYBODY):
            raise WorkspaceError(f"{FORWARDED} holds {part}: then anybody says who they are; name your proxies alone")
    return found


def _holds(network: Network, other: Network) -> bool:
    """Whether a network holds all of another one."""
    begins = int(network.network_address) <= int(other.network_address)
    return network.version == other.version and begins and int(network[-1]) >= int(other[-1])


def proxy(name: str, port: int, at: str = LOOPBACK) -> str:
    """The command of a proxy with TLS before the server, which it reaches at an address of the server's machine."""
    return f"caddy reverse-proxy --from {name} --to {f'[{at}]' if ':' in at else at}:{port or 8501}"


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
