"""Which words end a domain name: the top-level domains, and which of them rather end file names and attributes."""

from functools import cache
from importlib.resources import files

_PRIVATE = "corp example home internal intranet invalid lan local localdomain localhost onion test"
"""Endings of private networks, documentation and tests (RFC 2606, RFC 6762, RFC 7686): never delegated."""
_COMMON = (
    "com net org edu gov mil biz xyz gmbh ltd berlin hamburg koeln bayern wien paris london tokyo nyc amsterdam"
    " barcelona scot wales swiss quebec photography realestate restaurant"
)
_WORDS = (
    "ad ae ag ai al am ar as at aw az ba bb be bs by cc cd cf ci cl cm cr cs cv de di do dz ee eg er es et fm ga gd ge"
    " gg gl gp gs gu gy hm ht id ie im in io iq is it je jo ke kg km kn kp kw la lb lc lk ls ly ma mc md me mf mg mh mk"
    " ml mm mn mo mp mq mr ms mt mu mv mw my na nc ne nf ng ni no np nr nu om pa pe pf pg pk pl pm pn ps pw py qa re rs"
    " rw sa sb sc sd sg sh si sj sk sl sm sn so sr st sv sy sz tc td tf tg th tj tk tl tm tn to tt tv ug um us uy uz va"
    " vc ve vg vi vn vu wf ws ye yt"
)
"""Two letters that also end a file (`setup.py`, `main.rs`), name an attribute (`user.id`) or are a word."""


@cache
def endings() -> frozenset[str]:
    """Every delegated top-level domain (IANA root zone), in lower case."""
    return frozenset((files("curation.detectors") / "tlds.txt").read_text(encoding="utf-8").split())


def known_ending(label: str) -> bool:
    """Whether a label ends domain names, on the internet or in a private network."""
    low = label.lower()
    return low in endings() or low in private()


@cache
def private() -> frozenset[str]:
    """The endings of private networks, documentation and tests."""
    return frozenset(_PRIVATE.split())


@cache
def sure_endings() -> frozenset[str]:
    """The endings that make `name.ending` a domain wherever it stands: not a file, an attribute or a missing space."""
    countries = {e for e in endings() if len(e) == 2 and e.isascii()} - set(_WORDS.split())
    return frozenset(countries | set(_COMMON.split()))
