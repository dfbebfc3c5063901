"""What a changed scrubber changes: texts of the last version that are masked otherwise now, before anybody is asked.

Prompts and replies are scrubbed anew by every run, so nothing keeps the masks of an older detector. A prompt that is
masked otherwise is another request, which is why this is told before the first call.
"""

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import polars as pl
from pydantic import JsonValue

from curation.records import Prompt
from curation.scrub.scrubber import Scrubber
from curation.store.store import Store

_PLACEHOLDER = re.compile(r"\[([A-Z_]{2,40})\]")


@dataclass(frozen=True)
class Rescrub:
    """Prompts of `version` that are masked otherwise now; `gained` and `lost` count placeholders by kind."""

    version: str
    prompts: tuple[str, ...]
    gained: Mapping[str, int]
    lost: Mapping[str, int]

    def __str__(self) -> str:
        changes = [f"+{n} [{kind}]" for kind, n in self.gained.items()]
        changes += [f"-{n} [{kind}]" for kind, n in self.lost.items()]
        named = ", ".join(self.prompts[:3]) + (", ..." if len(self.prompts) > 3 else "")
        return (
            f"scrubbing changed since version {self.version[:8]}: {len(self.prompts)} prompts are masked otherwise "
            f"({', '.join(changes) or 'elsewhere'}; {named}) and are asked again"
        )

    def as_dict(self) -> dict[str, JsonValue]:
        """For --json."""
        return {
            "version": self.version, "prompts": list(self.prompts), "gained": {**self.gained}, "lost": {**self.lost},
        }  # fmt: skip


def rescrubbed(store: Store, prompts: Iterable[Prompt], scrubber: Scrubber) -> Rescrub | None:
    """How these prompts differ from the newest version's where the scrubber does; None where it does not."""
    head = store.versions.head()
    if head is None:
        return None
    step = next((step for step in store.versions.manifest(head).steps if step.get("name") == "scrub"), {})
    if {k: v for k, v in step.items() if k != "name"} == scrubber.describe():
        return None
    before = _texts(store.versions.samples(head))
    changed: list[str] = []
    delta: Counter[str] = Counter()
    for prompt in prompts:
        now = "\n".join(m.content for m in prompt.messages)
        was = before.get(prompt.id, now)
        masks, masked = _PLACEHOLDER.findall(was), _PLACEHOLDER.findall(now)
        # A prompt without a mask then and now was edited: that is none of scrubbing's doing.
        if was != now and (masks or masked):
            changed.append(prompt.id)
            delta.update(masked)
            delta.subtract(masks)
    gained = {kind: n for kind, n in sorted(delta.items()) if n > 0}
    return Rescrub(head, tuple(changed), gained, {kind: -n for kind, n in sorted(delta.items()) if n < 0})


def _texts(samples: pl.DataFrame) -> dict[str, str]:
    rows: Iterable[tuple[str, list[dict[str, Any]]]] = (
        samples.unique("prompt_id", keep="first").select("prompt_id", "messages").iter_rows()
    )
    return {ident: "\n".join(m["content"] for m in messages) for ident, messages in rows}
