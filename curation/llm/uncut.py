"""Replies bought under a smaller cap on their length that they did not reach: a larger cap changes nothing about them.

So raising `max_tokens` asks only those again that were cut (`[sampling] keep_untruncated`). A reply used this way
stays the one purchase it was, under the key of the request that it answered.
"""

from collections.abc import Iterable, Sequence

from curation.llm.protocol import max_tokens
from curation.records import Reply, Request
from curation.store.replies import Replies


class Uncut:
    """Looks for such replies in the journal."""

    def __init__(self, replies: Replies) -> None:
        self._replies = replies

    def find(self, requests: Iterable[Request]) -> dict[str, Reply]:
        """By the key of the request that asks for more; of several replies the one that had the most room."""
        below: dict[tuple[str, int], Sequence[int]] = {}
        smaller: dict[str, list[str]] = {}
        for request in requests:
            if (cap := max_tokens(request)) is None:
                continue
            name, value = cap
            if (place := (request.model, value)) not in below:
                below[place] = self._replies.caps_below(*place)
            params = [{**request.params, name: less} for less in below[place]]
            smaller[request.key] = [request.model_copy(update={"params": p}).key for p in params]
        candidates = {key for keys in smaller.values() for key in keys}
        bought = self._replies.find(candidates) if candidates else {}
        whole = {key: reply for key, reply in bought.items() if not _was_cut(reply)}
        first = {key: next((whole[k] for k in keys if k in whole), None) for key, keys in smaller.items()}
        return {key: reply for key, reply in first.items() if reply is not None}


def _was_cut(reply: Reply) -> bool:
    return "length" in (reply.stop, *(other.stop for other in reply.others))
