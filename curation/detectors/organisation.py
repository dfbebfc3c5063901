"""Firms, authorities, schools, clubs and bands."""

from typing import ClassVar

from curation.tagger.detector import NameDetector


class Organisation(NameDetector):
    """Firms, authorities, schools, clubs and bands."""

    kind: ClassVar[str] = "organisation"
