"""Postal addresses: street and number, flat, post box, postcode; the town and country in one are places."""

from typing import ClassVar

from curation.tagger.detector import NameDetector


class Address(NameDetector):
    """Postal addresses: street and number, flat, post box, postcode; the town and country in one are places."""

    kind: ClassVar[str] = "address"
