"""Towns, regions and countries, alone or in an address."""

from typing import ClassVar

from curation.tagger.detector import NameDetector


class Place(NameDetector):
    """Towns, regions and countries, alone or in an address."""

    kind: ClassVar[str] = "place"
