"""Names of people, full or in part, as the trained tagger and its cues find them; a title stays outside."""

from typing import ClassVar

from curation.tagger.detector import NameDetector


class Person(NameDetector):
    """Names of people, full or in part, as the trained tagger and its cues find them; a title stays outside."""

    kind: ClassVar[str] = "person"
