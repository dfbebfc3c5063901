"""Short lists of our own, from `wordlists.toml`: well-known cities and firms, street words of many languages."""

import tomllib
from importlib.resources import files


def _values(text: str) -> list[str]:
    return [" ".join(value.split()) for value in text.split("|")]


_TABLE = tomllib.loads(files("curation.tagger").joinpath("wordlists.toml").read_text(encoding="utf-8"))
_LISTS = {name: _values(text) for name, text in _TABLE.items() if isinstance(text, str)}
LOCALES = {name: _values(text) for name, text in _TABLE["locales"].items()}
CITIES = _LISTS["cities"]
REGIONS = _LISTS["regions"]
STREET_FORMS = _LISTS["street_forms"]
SUFFIXES = _LISTS["suffixes"]
FIELDS = _LISTS["fields"]
TRADES = _LISTS["trades"]
ABOUT = _LISTS["about"]
BRANDS = _LISTS["brands"]
SYLLABLES = _LISTS["syllables"]
THINGS = _LISTS["things"]
PRODUCTS = _LISTS["products"]
NATIONALITIES = _LISTS["nationalities"]
LANGUAGES = _LISTS["languages"]
DAYS = _LISTS["days"]
MONTHS = _LISTS["months"]
SITES = _LISTS["sites"]
ENDINGS = _LISTS["endings"]
LATIN_LETTERS = _LISTS["latin_letters"]
UNITS = _LISTS["units"]
BOXES = _LISTS["boxes"]
SHIPS = _LISTS["ships"]
BRAND_ENDINGS = _LISTS["brand_endings"]
PARTICLES = _LISTS["particles"]
STAGE_NAMES = _LISTS["stage_names"]
