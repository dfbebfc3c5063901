"""Which providers have a batch interface, and the desk at each."""

from curation.errors import TaskError
from curation.llm.batches.office import BatchSettings, Office
from curation.llm.batches.wire import Desk
from curation.llm.journal import Journal
from curation.llm.lane import Rules
from curation.llm.protocol import Provider
from curation.task import ModelTable

PRACTICE_POLL = 0.2
"""Seconds: the practice server ends its batches at once."""


def office_for(
    model: ModelTable, provider: Provider, journal: Journal, rules: Rules, settings: BatchSettings | None = None
) -> Office:
    """What working on a model's batches needs."""
    usual = BatchSettings(poll=PRACTICE_POLL) if model.use == "practice" else BatchSettings()
    return Office(model.model, desk_of(model, provider), journal, rules, settings or usual)


def desk_of(model: ModelTable, provider: Provider) -> Desk:
    """The desk behind a model's provider; TaskError where it has none."""
    match model.use:
        case "openai" | "openai-responses":
            from curation.llm.batches.openai_desk import OpenAIDesk
            from curation.llm.openai import OpenAI

            if isinstance(provider, OpenAI):
                return OpenAIDesk(provider)
        case "anthropic":
            from curation.llm.anthropic import Anthropic
            from curation.llm.batches.anthropic_desk import AnthropicDesk

            if isinstance(provider, Anthropic):
                return AnthropicDesk(provider)
        case "practice":
            return _practice(provider)
        case _:
            pass
    raise TaskError(
        f'{model.name!r}: {model.use} has no batch interface; take mode = "batch" out of its table, or ask through '
        "openai, openai-responses or anthropic"
    )


def _practice(provider: Provider) -> Desk:
    from curation.llm.batches.anthropic_desk import AnthropicDesk
    from curation.llm.batches.openai_desk import OpenAIDesk
    from curation.llm.openai import OpenAI
    from curation.llm.practice_client import Practice, completed

    assert isinstance(provider, Practice)
    if isinstance(provider.inner, OpenAI):
        return OpenAIDesk(provider.inner, name=provider.name, host=provider.host, completed=completed)
    return AnthropicDesk(provider.inner, name=provider.name, host=provider.host, completed=completed)
