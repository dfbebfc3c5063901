"""What the tagger is taught with: Faker's names, streets and firms, phone numbering's towns; no person's data."""

import importlib
import random
import re
from collections.abc import Callable, Iterable
from functools import cache
from typing import NamedTuple

from faker import Faker

from curation.tagger import wordlists

ENGLISH = wordlists.LOCALES["english"]
LATIN = wordlists.LOCALES["latin"]
OTHER = wordlists.LOCALES["other"]
ADDRESSED = wordlists.LOCALES["addressed"]
ADDRESSED_OTHER = wordlists.LOCALES["addressed_other"]
FOUNDED = wordlists.LOCALES["founded"]
_ROMAN = str.maketrans({pair[0]: pair[1:] for pair in wordlists.LATIN_LETTERS})


class Names(NamedTuple):
    """The given and family names of one locale."""

    first: list[str]
    last: list[str]


class Streets(NamedTuple):
    """What the addresses of one locale are made of."""

    road: list[str]
    number: list[str]
    unit: list[str]
    postcode: list[str]
    city: list[str]
    region: list[str]
    abbreviation: list[str]
    country: list[str]


def romanised(text: str) -> str:
    """Cyrillic and Greek in Latin letters, as people write themselves abroad.

    >>> romanised("Ольга")
    'Olga'
    """
    low = text.lower().translate(_ROMAN)
    return low.title() if text[:1].isupper() else low


def _spellings(values: object) -> Iterable[str]:
    """The writings of every entry of a list of Faker's: Japanese ones come as (characters, kana, Latin)."""
    if not isinstance(values, list | tuple | set | dict):
        return
    for value in values:
        if isinstance(value, str):
            yield value
        elif isinstance(value, tuple):
            yield from (part for part in (value[0], value[-1]) if isinstance(part, str))


def _attributes(locale: str, start: str) -> list[str]:
    provider = importlib.import_module(f"faker.providers.person.{locale}").Provider
    found = {
        name.strip()
        for attribute in sorted(dir(provider))
        if attribute.startswith(start)
        for name in _spellings(getattr(provider, attribute))
    }
    return sorted(name for name in found if (len(name) > 1 or not name.isascii()) and "(" not in name)


@cache
def names(locale: str) -> Names:
    """The names of a Faker locale; those in Cyrillic or Greek in Latin letters too."""
    first, last = _attributes(locale, "first_"), _attributes(locale, "last_")
    if locale in ("bg_BG", "el_GR", "mk_MK", "ru_RU", "uk_UA"):
        first += [romanised(name) for name in first]
        last += [romanised(name) for name in last]
    return Names(first, last)


def _drawn(faker: Faker, method: str, count: int) -> list[str]:
    """Different values of one Faker method; none where the locale has no such thing."""
    try:
        make: Callable[[], str] = getattr(faker, method)
    except AttributeError:
        return []
    return sorted({str(make()).strip() for _ in range(count)} - {""})


def _cities(locale: str) -> list[str]:
    """Some of the towns a locale lists, if it lists them: one locale's list comes in another order in every process."""
    listed = getattr(importlib.import_module(f"faker.providers.address.{locale}").Provider, "cities", ())
    towns = sorted({town for town in listed if isinstance(town, str)})
    return random.Random(locale).sample(towns, min(100, len(towns)))


@cache
def streets(locale: str) -> Streets:
    """What addresses in a Faker locale are made of, drawn with a fixed seed."""
    faker = Faker(locale)
    faker.seed_instance(locale)
    return Streets(
        road=_drawn(faker, "street_name", 120),
        number=_drawn(faker, "building_number", 40),
        unit=_drawn(faker, "secondary_address", 40),
        postcode=_drawn(faker, "postcode", 60),
        city=_cities(locale) or _drawn(faker, "city", 100),
        region=_drawn(faker, "administrative_unit", 40) or _drawn(faker, "state", 40),
        abbreviation=_drawn(faker, "state_abbr", 40) or _drawn(faker, "province_abbr", 20),
        country=_drawn(faker, "country", 60),
    )


@cache
def firms(locale: str) -> list[str]:
    """Made-up firms of a Faker locale."""
    faker = Faker(locale)
    faker.seed_instance(locale)
    return _drawn(faker, "company", 80)


@cache
def towns() -> list[str]:
    """Real towns and regions all over the world, as the numbering plans of their phones name them."""
    from phonenumbers.geodata import GEOCODE_DATA

    found: set[str] = set()
    for by_language in GEOCODE_DATA.values():
        for language, place in by_language.items():
            if language not in ("zh", "ja"):
                found.update(part.strip() for part in re.split(r"[,/]| - |\(|\)", place))
    return sorted(town for town in found if len(town) > 2 and not re.search(r"\d|[A-Z]{3}|[.;:*]", town))


@cache
def zones() -> list[str]:
    """The cities that name the world's time zones."""
    import zoneinfo

    found = {zone.split("/")[-1].replace("_", " ") for zone in zoneinfo.available_timezones() if "/" in zone}
    return sorted(city for city in found if city.replace(" ", "").isalpha() and not city.isupper())


@cache
def countries() -> list[str]:
    """The countries of the world in English."""
    from faker.providers.address.en import Provider

    return sorted({country.split(" (")[0] for country in Provider.countries})


@cache
def jobs() -> list[str]:
    """Occupations, none of them a name."""
    from faker.providers.job.en_US import Provider

    return sorted(Provider.jobs)


@cache
def common(locale: str = "en_US") -> list[str]:
    """Ordinary words of a language."""
    provider = importlib.import_module(f"faker.providers.lorem.{locale}").Provider
    return sorted({word for word in provider.word_list if word.isalpha()})
