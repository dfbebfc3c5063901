"""Surrogates: a found value gives way to a realistic one of its kind, the same one wherever it returns in its scope."""

from curation.surrogates.session import Planted, Session, SpanLike, Surrogates

__all__ = ["Planted", "Session", "SpanLike", "Surrogates"]
