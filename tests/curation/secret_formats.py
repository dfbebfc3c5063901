"""Invented keys in the formats that providers document, put where people leave them; knows nothing of the detectors."""

import base64
import json
import string
from collections.abc import Callable, Iterator
from random import Random
from typing import NamedTuple
from urllib.parse import quote

LOWER, DIGITS = string.ascii_lowercase, string.digits
ALNUM = string.ascii_letters + DIGITS
HEX = "0123456789abcdef"
URLSAFE = ALNUM + "-_"
BASE64 = ALNUM + "+/"
BASE32 = string.ascii_uppercase + "234567"
BECH32 = "QPZRY9X8GF2TVDW0S3JN54KHCE6MUA7L"

Make = Callable[[Random], str]


class Case(NamedTuple):
    """A text and where the secret lies in it."""

    format: str
    place: str
    text: str
    start: int
    end: int


def some(rng: Random, alphabet: str, size: int, most: int | None = None) -> str:
    return "".join(rng.choices(alphabet, k=size if most is None else rng.randint(size, most)))


def fixed(prefix: str, alphabet: str, size: int, most: int | None = None, tail: str = "") -> Make:
    return lambda rng: prefix + some(rng, alphabet, size, most) + tail


def uuid(rng: Random) -> str:
    return "-".join(some(rng, HEX, n) for n in (8, 4, 4, 4, 12))


def b64url(value: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")


def jwt(rng: Random) -> str:
    claims = {"sub": some(rng, DIGITS, 8), "iat": rng.randint(10**9, 2 * 10**9), "role": rng.choice(["user", "admin"])}
    return ".".join([b64url({"alg": "HS256", "typ": "JWT"}), b64url(claims), some(rng, URLSAFE, 43)])


def slack_bot(rng: Random) -> str:
    return f"xoxb-{some(rng, DIGITS, 11, 13)}-{some(rng, DIGITS, 11, 13)}-{some(rng, ALNUM, 24)}"


def slack_user(rng: Random) -> str:
    parts = "-".join(some(rng, DIGITS, 11, 13) for _ in range(3))
    return f"xoxp-{parts}-{some(rng, HEX, 32)}"


def slack_app(rng: Random) -> str:
    return f"xapp-1-A{some(rng, BASE32, 10)}-{some(rng, DIGITS, 13)}-{some(rng, HEX, 64)}"


def discord(rng: Random) -> str:
    who = base64.b64encode(some(rng, "123456789", 18).encode()).decode().rstrip("=")
    return f"{who}.{some(rng, URLSAFE, 6)}.{some(rng, URLSAFE, 38)}"


def pem(rng: Random) -> str:
    kind = rng.choice(["RSA ", "EC ", "", "OPENSSH ", "ENCRYPTED ", "DSA "])
    lines = "\n".join(some(rng, BASE64, 64) for _ in range(rng.randint(3, 12)))
    return f"-----BEGIN {kind}PRIVATE KEY-----\n{lines}\n-----END {kind}PRIVATE KEY-----"


def pgp(rng: Random) -> str:
    lines = "\n".join(some(rng, BASE64, 64) for _ in range(6))
    mark = "PGP PRIVATE KEY BLOCK"
    return f"-----BEGIN {mark}-----\nVersion: 1\n\n{lines}\n={some(rng, BASE64, 4)}\n-----END {mark}-----"


TYPED: dict[str, Make] = {
    "openai_legacy": lambda rng: f"sk-{some(rng, ALNUM, 20)}T3BlbkFJ{some(rng, ALNUM, 20)}",
    "openai_project": lambda rng: f"sk-proj-{some(rng, URLSAFE, 74)}T3BlbkFJ{some(rng, URLSAFE, 73)}A",
    "openai_service": lambda rng: f"sk-svcacct-{some(rng, URLSAFE, 74)}T3BlbkFJ{some(rng, URLSAFE, 73)}A",
    "openai_admin": lambda rng: f"sk-admin-{some(rng, URLSAFE, 58)}T3BlbkFJ{some(rng, URLSAFE, 57)}A",
    "anthropic_api": fixed("sk-ant-api03-", URLSAFE, 93, tail="AA"),
    "anthropic_admin": fixed("sk-ant-admin01-", URLSAFE, 93, tail="AA"),
    "anthropic_oauth": fixed("sk-ant-oat01-", URLSAFE, 93, tail="AA"),
    "openrouter": fixed("sk-or-v1-", HEX, 64),
    "deepseek": fixed("sk-", HEX, 32),
    "google_api": fixed("AIza", URLSAFE, 35),
    "google_client_secret": fixed("GOCSPX-", URLSAFE, 28),
    "google_access": fixed("ya29.a0", URLSAFE, 120, 200),
    "hugging_face": fixed("hf_", string.ascii_letters, 34),
    "replicate": fixed("r8_", ALNUM, 37),
    "groq": fixed("gsk_", ALNUM, 52),
    "xai": fixed("xai-", ALNUM, 80),
    "perplexity": fixed("pplx-", ALNUM, 48),
    "nvidia": fixed("nvapi-", URLSAFE, 64),
    "aws_access": lambda rng: rng.choice(["AKIA", "ASIA"]) + some(rng, BASE32, 16),
    "azure_client_secret": lambda rng: f"{some(rng, ALNUM, 3)}8Q~{some(rng, ALNUM + '._~-', 33)}{some(rng, ALNUM, 1)}",
    "github_classic": fixed("ghp_", ALNUM, 36),
    "github_oauth": fixed("gho_", ALNUM, 36),
    "github_user": fixed("ghu_", ALNUM, 36),
    "github_server": fixed("ghs_", ALNUM, 36),
    "github_refresh": fixed("ghr_", ALNUM, 76),
    "github_fine_grained": lambda rng: f"github_pat_{some(rng, ALNUM, 22)}_{some(rng, ALNUM, 59)}",
    "gitlab_personal": fixed("glpat-", URLSAFE, 20),
    "gitlab_routable": lambda rng: f"glpat-{some(rng, URLSAFE, 27)}.{some(rng, HEX, 2)}.{some(rng, LOWER + DIGITS, 9)}",
    "gitlab_deploy": fixed("gldt-", URLSAFE, 20),
    "gitlab_runner": fixed("glrt-", URLSAFE, 20),
    "slack_bot": slack_bot,
    "slack_user": slack_user,
    "slack_app": slack_app,
    "stripe_secret": fixed("sk_live_", ALNUM, 24, 99),
    "stripe_restricted": fixed("rk_live_", ALNUM, 24, 99),
    "stripe_publishable": fixed("pk_live_", ALNUM, 24, 99),
    "stripe_test": fixed("sk_test_", ALNUM, 24, 99),
    "stripe_webhook": fixed("whsec_", ALNUM, 32),
    "twilio_account": fixed("AC", HEX, 32),
    "twilio_key": fixed("SK", HEX, 32),
    "sendgrid": lambda rng: f"SG.{some(rng, URLSAFE, 22)}.{some(rng, URLSAFE, 43)}",
    "brevo": lambda rng: f"xkeysib-{some(rng, HEX, 64)}-{some(rng, ALNUM, 16)}",
    "mailgun_legacy": fixed("key-", HEX, 32),
    "mailgun": lambda rng: f"{some(rng, HEX, 32)}-{some(rng, HEX, 8)}-{some(rng, HEX, 8)}",
    "mailchimp": lambda rng: f"{some(rng, HEX, 32)}-us{rng.randint(1, 22)}",
    "npm": fixed("npm_", ALNUM, 36),
    "pypi": fixed("pypi-AgEIcHlwaS5vcmc", URLSAFE, 120, 180),
    "rubygems": fixed("rubygems_", HEX, 48),
    "crates_io": fixed("cio", ALNUM, 32),
    "docker_hub": fixed("dckr_pat_", URLSAFE, 27),
    "digitalocean": fixed("dop_v1_", HEX, 64),
    "digitalocean_oauth": fixed("doo_v1_", HEX, 64),
    "heroku": fixed("HRKU-AA", URLSAFE, 58),
    "shopify_admin": fixed("shpat_", HEX, 32),
    "shopify_shared": fixed("shpss_", HEX, 32),
    "square_access": fixed("EAAA", URLSAFE, 60),
    "square_secret": fixed("sq0csp-", URLSAFE, 43),
    "braintree": lambda rng: f"access_token$production${some(rng, LOWER + DIGITS, 16)}${some(rng, HEX, 32)}",
    "databricks": fixed("dapi", HEX, 32),
    "new_relic": fixed("NRAK-", string.ascii_uppercase + DIGITS, 27),
    "grafana_service": lambda rng: f"glsa_{some(rng, ALNUM, 32)}_{some(rng, HEX, 8)}",
    "grafana_cloud": lambda rng: "glc_" + base64.b64encode(some(rng, ALNUM, 60).encode()).decode(),
    "sentry_user": fixed("sntryu_", HEX, 64),
    "linear": fixed("lin_api_", ALNUM, 40),
    "notion": lambda rng: f"ntn_{some(rng, DIGITS, 11)}{some(rng, ALNUM, 35)}",
    "notion_legacy": fixed("secret_", ALNUM, 43),
    "airtable": lambda rng: f"pat{some(rng, ALNUM, 14)}.{some(rng, HEX, 64)}",
    "asana": lambda rng: f"2/{some(rng, '123456789', 16)}/{some(rng, '123456789', 16)}:{some(rng, HEX, 32)}",
    "atlassian": fixed("ATATT3xFfGF0", URLSAFE, 170, tail="=1A2B3C4D"),
    "discord": discord,
    "telegram": lambda rng: f"{some(rng, '123456789', 10)}:AA{some(rng, URLSAFE, 33)}",
    "facebook": fixed("EAAC", ALNUM, 120, 180),
    "vault": fixed("hvs.CAESI", URLSAFE, 90, 110),
    "terraform": lambda rng: f"{some(rng, ALNUM, 14)}.atlasv1.{some(rng, URLSAFE, 67)}",
    "age": fixed("AGE-SECRET-KEY-1", BECH32, 58),
    "supabase": fixed("sbp_", HEX, 40),
    "planetscale": fixed("pscale_tkn_", URLSAFE, 43),
    "doppler": fixed("dp.pt.", ALNUM, 43),
    "tailscale": lambda rng: f"tskey-auth-{some(rng, ALNUM, 12)}CNTRL-{some(rng, ALNUM, 32)}",
    "postman": lambda rng: f"PMAK-{some(rng, HEX, 24)}-{some(rng, HEX, 34)}",
    "pulumi": fixed("pul-", HEX, 40),
    "figma": fixed("figd_", URLSAFE, 40),
    "hubspot": lambda rng: f"pat-na1-{uuid(rng)}",
    "dynatrace": lambda rng: f"dt0c01.{some(rng, BASE32, 24)}.{some(rng, BASE32, 64)}",
    "sonar": fixed("sqp_", HEX, 40),
    "jwt": jwt,
}
"""Keys that say themselves what they are."""

CUED: dict[str, tuple[str, Make]] = {
    "aws_secret": ("aws_secret_access_key", fixed("", BASE64, 40)),
    "aws_session": ("aws_session_token", fixed("IQoJb3JpZ2lu", BASE64, 300, 400)),
    "azure_storage": ("account_key", fixed("", BASE64, 86, tail="==")),
    "cohere": ("cohere_api_key", fixed("", ALNUM, 40)),
    "mistral": ("mistral_api_key", fixed("", ALNUM, 32)),
    "datadog_api": ("dd_api_key", fixed("", HEX, 32)),
    "datadog_app": ("dd_app_key", fixed("", HEX, 40)),
    "okta": ("okta_api_token", fixed("00", URLSAFE, 40)),
    "auth0": ("auth0_client_secret", fixed("", URLSAFE, 64)),
    "cloudflare": ("cloudflare_api_token", fixed("", URLSAFE, 40)),
    "heroku_uuid": ("heroku_api_key", uuid),
    "twilio_auth": ("twilio_auth_token", fixed("", HEX, 32)),
    "twitter_consumer": ("twitter_consumer_secret", fixed("", ALNUM, 50)),
    "facebook_secret": ("facebook_app_secret", fixed("", HEX, 32)),
    "linkedin": ("linkedin_client_secret", fixed("", ALNUM, 16)),
    "dropbox": ("dropbox_app_secret", fixed("", LOWER + DIGITS, 15)),
    "paypal": ("paypal_client_secret", fixed("E", URLSAFE, 79)),
    "django": ("secret_key", fixed("", LOWER + DIGITS + "!@#$%^&*-_=+", 50)),
    "password": ("password", lambda rng: some(rng, LOWER, 5, 8) + some(rng, DIGITS, 2, 4) + rng.choice("!#@$%*?")),
    "password_mixed": ("db_password", lambda rng: some(rng, ALNUM, 10, 15) + some(rng, DIGITS, 1)),
    "passphrase": (
        "wifi_passphrase",
        lambda rng: f"{some(rng, LOWER, 4, 7)}-{some(rng, DIGITS, 2)}-{some(rng, LOWER, 4)}",
    ),
}
"""Keys that only the name beside them gives away, with such a name."""

WHOLE: dict[str, Make] = {"private_key": pem, "pgp_private_key": pgp}
"""Secrets of several lines."""

PLAIN_PLACES = {
    "prose": "Hi, we rolled this one out last week: {0} - is it still active?",
    "question": "Why does the server say 401 when I send {0}?",
    "code": 'client = Client("{0}", timeout=30)',
    "shell": "curl -H 'X-Auth: {0}' https://api.example.org/v1/me",
    "log": "2026-03-01T10:22:31Z ERROR auth failed for {0} (status=401, attempt 3)",
    "markdown": "| staging | `{0}` | active |",
    "url": "https://api.example.org/v1/items?page=2&k={0}&sort=asc",
}
NAMED_PLACES = {
    "env": "DEBUG=1\n{upper}={0}\nPORT=8080",
    "export": 'export {upper}="{0}"',
    "json": '{{"name": "prod", "{name}": "{0}", "retries": 3}}',
    "escaped_json": 'body="{{\\"{name}\\": \\"{0}\\"}}" status=200',
    "yaml": "service:\n  {name}: {0}\n  region: eu\n",
    "code": "    {name} = '{0}'  # rotate me",
    "keyword": 'connect(host="db1", {name}="{0}")',
    "sentence": "The {words} is {0}, please keep it to yourself.",
    "log": "INFO loaded config {name}={0} in 12ms",
    "header": "{name}: {0}",
    "toml": '[prod]\n{name} = "{0}"\n',
}
NOT_IN_URLS = {"braintree", "telegram", "asana", "grafana_cloud"}
"""Formats whose `$`, `:`, `/` or `+` a URL escapes."""


def _case(name: str, place: str, template: str, secret: str, title: str = "") -> Case:
    words = {"name": title, "upper": title.upper(), "words": title.replace("_", " ")}
    before, _, _ = template.partition("{0}")
    start = len(before.format(**words))
    return Case(name, place, template.format(secret, **words), start, start + len(secret))


def pairs(rng: Random) -> Iterator[Case]:
    """Credentials made of two halves, and headers."""
    user, password = some(rng, LOWER, 3, 8), some(rng, ALNUM, 8, 14) + some(rng, DIGITS, 1)
    scheme = rng.choice(["https", "postgres", "mysql", "redis", "amqp", "mongodb+srv", "ftp"])
    yield _case("url_password", "url", f"connect to {scheme}://{user}:{{0}}@db.example.org:5432/x", password)
    escaped = quote(some(rng, ALNUM + "!#$%&", 10), safe="")
    yield _case("url_escaped_password", "url", f"DATABASE_URL={scheme}://{user}:{{0}}@10.0.0.7/app", escaped)
    basic = base64.b64encode(f"{user}:{password}".encode()).decode()
    yield _case("basic_header", "header", "Authorization: Basic {0}", basic)
    yield _case("bearer_header", "header", "-H 'Authorization: Bearer {0}'", some(rng, ALNUM, 32))
    yield _case("connection_string", "string", f"Server=db1;User Id={user};Password={{0}};Encrypt=true", password)
    account = some(rng, BASE64, 86) + "=="
    yield _case("azure_connection", "string", "AccountName=acct1;AccountKey={0};EndpointSuffix=core", account)
    signature = quote(some(rng, BASE64, 43) + "=", safe="")
    yield _case("azure_sas", "url", "https://acct1.blob.example.net/c/f?sv=2024-01-01&sp=r&sig={0}", signature)
    hook = f"T{some(rng, BASE32, 8)}/B{some(rng, BASE32, 10)}/{some(rng, ALNUM, 24)}"
    yield _case("slack_webhook", "url", "post to https://hooks.slack.com/services/{0} please", hook)
    yield _case("pin", "prose", "my PIN is {0} if you need it", some(rng, DIGITS, 4, 6))


def typed(rng: Random, name: str, each: int) -> Iterator[Case]:
    """Keys of one format, by turns in a plain place and beside a name that says little."""
    plain = [place for place in PLAIN_PLACES.items() if place[0] != "url" or name not in NOT_IN_URLS]
    named = list(NAMED_PLACES.items())
    for i in range(each):
        key, turn = TYPED[name](rng), i // 2
        if i % 2:
            yield _case(name, *plain[turn % len(plain)], key)
        else:
            yield _case(name, *named[turn % len(named)], key, rng.choice(("api_key", "token", "value")))


def cases(seed: int, each: int) -> Iterator[Case]:
    """`each` values of every format, every one in another place."""
    rng = Random(seed)
    for name in TYPED:
        yield from typed(rng, name, each)
    for name, (title, make) in CUED.items():
        for i in range(each):
            yield _case(name, *list(NAMED_PLACES.items())[i % len(NAMED_PLACES)], make(rng), title)
    for name, make in WHOLE.items():
        for i in range(each):
            yield _case(name, "file", ("{0}\n", "my key:\n{0}\nbye", "> {0}")[i % 3], make(rng))
    for _ in range(each):
        yield from pairs(rng)
