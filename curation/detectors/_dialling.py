"""Whether digits are a telephone number somewhere: the numbering plans of all regions, behind a cheap look."""

from functools import cache
from typing import Any

import re2

_TRUNK = (
    "GB",
    "DE",
    "FR",
    "IT",
    "NL",
    "BE",
    "CH",
    "AT",
    "SE",
    "IE",
    "FI",
    "JP",
    "IN",
    "AU",
    "NZ",
    "ZA",
    "TR",
    "RO",
    "IL",
)
"""Large countries where a national number is written with a leading zero."""


def valid_abroad(digits: str) -> bool:
    """Whether digits that begin with a country code are a number of that country.

    >>> valid_abroad("442079460018"), valid_abroad("4412")
    (True, False)
    """
    return any(_valid(region, digits[size:]) for size in (1, 2, 3) for region in _regions(digits[:size]))


def valid_with_trunk_zero(digits: str) -> bool:
    """Whether digits with a leading zero are a national number of one of the large countries that write it so."""
    return any(_valid(region, digits if region == "IT" else digits[1:]) for region in _TRUNK)


def _valid(region: str, digits: str) -> bool:
    plan = _plan(region)
    return plan is not None and plan.fullmatch(digits.encode()) is not None


@cache
def _regions(country_code: str) -> tuple[str, ...]:
    from phonenumbers import COUNTRY_CODE_TO_REGION_CODE  # the import takes a moment, and most texts hold no number

    return COUNTRY_CODE_TO_REGION_CODE.get(int(country_code), ())


@cache
def _plan(region: str) -> Any:
    """One pattern for the numbers of a region, by RE2: Python takes milliseconds to compile one, for each region."""
    from phonenumbers import PhoneMetadata

    found = PhoneMetadata.metadata_for_region_or_calling_code(0, region)
    if found is None:
        return None
    kinds = (
        found.fixed_line,
        found.mobile,
        found.toll_free,
        found.premium_rate,
        found.shared_cost,
        found.voip,
        found.uan,
    )
    written = {kind.national_number_pattern for kind in (*kinds, found.personal_number) if kind is not None}
    return re2.compile("|".join(f"(?:{pattern})" for pattern in sorted(filter(None, written))).encode())
