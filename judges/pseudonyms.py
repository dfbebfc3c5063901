"""What a rater is called outside the house: the same word every time, that nobody without its key can trace back."""

import hashlib
import hmac

from curation.store.store import Store


def pseudonym(store: Store, rater: str) -> str:
    """A rater's other name, stable within a workspace: HMAC-SHA256 under a key derived from the workspace's own."""
    key = hmac.new(store.keys.workspace, b"raters", hashlib.sha256).digest()
    return f"rater-{hmac.new(key, rater.encode(), hashlib.sha256).hexdigest()[:10]}"
