"""Whether digits are a telephone number somewhere: the numbering plans of all regions, behind a cheap look."""

import re
from functools import cache

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
    return any(
        pattern.fullmatch(digits, size)
        for size in (1, 2, 3)
        for region in _regions(digits[:size])
        for pattern in _patterns(region)
    )


def valid_with_trunk_zero(digits: str) -> bool:
    """Whether digits with a leading zero are a national number of one of the large countries that write it so."""
    return any(p.fullmatch(digits, 0 if region == "IT" else 1) for region in _TRUNK for p in _patterns(region))


@cache
def _regions(country_code: str) -> tuple[str, ...]:
    from phonenumbers import COUNTRY_CODE_TO_REGION_CODE  # the import takes a moment, and most texts hold no number

    return COUNTRY_CODE_TO_REGION_CODE.get(int(country_code), ())


@cache
def _patterns(region: str) -> tuple[re.Pattern[str], ...]:
    from phonenumbers import PhoneMetadata

    found = PhoneMetadata.metadata_for_region_or_calling_code(0, region)
    if found is None:
        return ()
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
    return tuple(re.compile(pattern) for pattern in sorted(filter(None, written)))
