"""From a body to a practice model's reply, without any HTTP: the same for a request of its own and for a batch's."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from curation.errors import ProviderError
from curation.llm.practice.behaviour import Behaviour
from curation.llm.practice.billing import Bill
from curation.llm.practice.echo import echoed
from curation.llm.practice.judging import Judging
from curation.llm.practice.profiles import Faults, Profile, Wire, family_models, profile_of
from curation.llm.practice.reading import LAST_LINES, Asked, BadBody, read
from curation.llm.practice.rewording import reword
from curation.llm.practice.spoiling import Said
from curation.llm.practice.talking import carried, talk_of
from curation.llm.practice.wires import refuse, write


@dataclass(frozen=True)
class Refusal:
    """A request the service does not take."""

    status: int
    message: str
    code: str | None = None
    param: str | None = None

    def body(self, wire: Wire) -> dict[str, Any]:
        """The error as the wire's SDK expects it."""
        return refuse(wire, self.status, self.message, self.code, self.param)


def identity_of(wire: Wire, body: bytes) -> bytes:
    """What every draw about a request is made from."""
    return hashlib.sha256(wire.encode() + b"\n" + body).digest()


@dataclass(frozen=True)
class Answering:
    """The models the server offers and what they say to a body."""

    behaviour: Behaviour
    profiles: Mapping[str, Profile]
    faults: Faults
    cached_input: bool = False
    echo: bool = False
    """Say back a digest of the question instead of looking it up: no answer key is needed."""

    @cached_property
    def models(self) -> dict[str, str]:
        """Model name -> family."""
        return family_models(dict(self.profiles))

    @cached_property
    def _profiles(self) -> dict[str, Profile]:
        return {model: profile_of(model, dict(self.profiles)) or Profile() for model in self.models}

    def understood(self, wire: Wire, body: object) -> Asked | Refusal:
        """What is asked; a Refusal where the real service would answer 400 or 404."""
        try:
            asked = read(wire, _object(body), drops=self.faults.drops, caches=self.cached_input)
        except BadBody as error:
            return Refusal(400, str(error), error.code, error.param)
        family = self.models.get(asked.model)
        if family is None:
            return Refusal(404, f"model: {asked.model} does not exist", "model_not_found")
        if self.profiles[family].wire != wire:
            words = f"model {asked.model} speaks {self.profiles[family].wire}, not {wire}"
            return Refusal(400, words, "invalid_value", "model")
        return asked

    def reply(self, wire: Wire, asked: Asked, identity: bytes) -> tuple[dict[str, Any], Bill]:
        """The body of a 200 and what it costs."""
        body, spent = write(wire, asked, [self.said(asked, i) for i in range(asked.n)], identity.hex()[:24])
        return body, Bill(asked.model, asked.tier, spent)

    def teacher(self, model: str, text: str, index: int) -> Said:
        """A teacher's reply to a prompt; ProviderError for an unknown model."""
        profile = self._profiles.get(model)
        if profile is None:
            raise ProviderError(f"the practice server has no model {model!r}. Known: {', '.join(self.models)}")
        return self.behaviour.answer(model, profile, text, index)

    def said(self, asked: Asked, choice: int = 0) -> Said:
        """What a model says to a request, as the choice-th of n."""
        profile = self._profiles[asked.model]
        said = echoed(asked) if self.echo else self._said(asked, profile, choice)
        return replace(said, reasoning=profile.reasoning) if profile.reasoning else said

    def _said(self, asked: Asked, profile: Profile, choice: int) -> Said:
        if asked.purpose not in LAST_LINES:
            text, talk = talk_of(asked, self.behaviour.book)
            return self.behaviour.answer(asked.model, profile, text, asked.index + choice, talk)
        line, turn = carried(asked, LAST_LINES[asked.purpose])
        if asked.purpose == "rewording":
            words = reword(str(line.get("text", "")), str(line.get("style", "")), int(line.get("variant", 0)))
            return Said(json.dumps({"text": words}, ensure_ascii=False))
        return Judging(self.behaviour).said(asked, profile, line, turn)


def _object(body: object) -> dict[str, Any]:
    if isinstance(body, bytes):
        try:
            body = json.loads(body)
        except ValueError as error:
            raise BadBody("the body is not JSON") from error
    if not isinstance(body, dict):
        raise BadBody("the body is not a JSON object")
    return body
