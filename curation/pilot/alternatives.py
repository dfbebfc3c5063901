"""Other ways to spend less than with a student, each in dollars a month, from the pilot's own tokens."""

from typing import Literal

from curation.llm.prices import Price
from curation.pilot.advice import ASSUMED, Alternative, Case

Tier = Literal["batch", "flex"]
WAITS: dict[Tier, str] = {"batch": "answers may take up to a day", "flex": "answers are slower, and sometimes refused"}


def alternatives_of(case: Case) -> tuple[Alternative, ...]:
    """Prompt caching, the cheaper teacher, shorter prompts, and the cheaper tiers; their savings do not add up.

    None for a teacher that costs nothing.
    """
    if case.usd_per_1000(case.today) == 0:
        return ()
    price = case.models.price(case.today)
    return (
        _caching(case, price),
        _cheaper(case),
        _shorter(case, price),
        _tier(case, price, "batch"),
        _tier(case, price, "flex"),
    )


def _caching(case: Case, price: Price | None) -> Alternative:
    name = "prompt caching"
    tokens, least = case.figures(case.today).tokens, case.limits.cacheable_tokens
    if tokens.shared is None:
        return _unknown(name, "how much all requests begin with alike is not known")
    begins = f"all requests begin with the same {tokens.shared:,.0f} tokens"
    if tokens.shared < least:
        return Alternative(name=name, saved_usd_month=0.0, words=f"{begins}; beginnings are cached from {least:,}")
    if price is None or price.cached_input is None:
        return _unknown(name, f"{begins}; the price of cached tokens is not known")
    fresh = max(0.0, tokens.shared - tokens.cached)
    saved = _monthly(case, price, fresh * (price.input - price.cached_input))
    return Alternative(name=name, saved_usd_month=saved, words=f"{begins}, {tokens.cached:,.0f} of them cached already")


def _cheaper(case: Case) -> Alternative:
    name = "a cheaper teacher"
    route = case.pilot.route()
    if route is None or route.proposed is None:
        return _unknown(name, f"the pilot proposes none: {route.words if route else 'nothing was measured'}")
    if route.proposed == case.today.name:
        return Alternative(name=name, saved_usd_month=0.0, words=f"{case.today.name} is the one the pilot proposes")
    now, then = case.usd_per_1000(case.today), case.usd_per_1000(case.task.teacher(route.proposed))
    saved = case.monthly(None if now is None or then is None else now - then)
    return Alternative(name=name, saved_usd_month=saved, words=route.words)


def _shorter(case: Case, price: Price | None) -> Alternative:
    name, shared = "shorter prompts", case.figures(case.today).tokens.shared
    if shared is None or price is None:
        return _unknown(name, "the price, or what all requests begin with, is not known")
    cut = shared * ASSUMED.cut
    words = f"without {cut:,.0f} of the {shared:,.0f} tokens that all requests begin with; measure what that does"
    return Alternative(name=name, saved_usd_month=_monthly(case, price, cut * price.input), words=words)


def _tier(case: Case, price: Price | None, tier: Tier) -> Alternative:
    name = f"the {tier} tier"
    if case.today.mode == tier:
        return Alternative(name=name, saved_usd_month=0.0, words=f"{case.today.name} is asked there already")
    factor = None if price is None else price.factor(tier)
    if factor is None or factor == 1.0:
        return _unknown(name, f"no discount of {case.today.name} for it is known")
    now, present = case.usd_per_1000(case.today), (price.factor(_mode(case)) if price else None) or 1.0
    saved = case.monthly(None if now is None else now * (1 - factor / present))
    return Alternative(name=name, saved_usd_month=saved, words=f"at {factor:g} of the price; {WAITS[tier]}")


def _monthly(case: Case, price: Price, dollars_per_million: float) -> float | None:
    """What so many millionth dollars a request come to in a month, in the tier the teacher is asked in."""
    factor = price.factor(_mode(case))
    return case.monthly(None if factor is None else factor * dollars_per_million / 1000)


def _mode(case: Case) -> str | None:
    return None if case.today.mode == "online" else case.today.mode


def _unknown(name: str, words: str) -> Alternative:
    return Alternative(name=name, saved_usd_month=None, words=words)
