"""How each practice family errs: the stated error profiles, and the faults of the server itself.

| family  | wire             | wrong | other | badly | refuse |   cut | wordy | leak | dupl. | voice | sharp | judge | gull. |
|---------|------------------|------:|------:|------:|-------:|------:|------:|-----:|------:|------:|------:|------:|------:|
| alder   | openai-chat      |  0.18 |  0.06 |  0.03 |   0.01 |  0.01 |  0.03 | 0.02 |  0.03 |   1.0 |   1.0 |  0.14 |  0.01 |
| birch   | anthropic        |  0.14 |  0.05 | 0.015 |  0.025 |  0.01 |  0.06 | 0.01 |  0.02 |   1.0 |   1.0 |  0.12 | 0.008 |
| cedar   | openai-responses |  0.22 |  0.08 |  0.04 |   0.01 |  0.02 |  0.02 | 0.03 |  0.05 |   1.0 |   1.6 |  0.16 | 0.012 |
| dogwood | openai-chat      |  0.10 |  0.03 |  0.01 |   0.01 | 0.005 |  0.02 | 0.01 |  0.01 |   1.0 |   1.0 |  0.08 | 0.006 |

Columns after `wire` are the fields of `Profile`, in order. Each family has two models: `<family>-large` with these
rates and `<family>-small` with 1.6 times of them.
`wrong`, `other` and `judge` hold at difficulty 0.5 and are scaled by 0.25 + 1.5 x difficulty; the rest do not
depend on the item. 40 % of the variance of being wrong is shared by all models on an item (`SHARED`), so
families err together, and judges are fooled where teachers fail. A wrong answer is a confusable one: valid JSON,
a known label, a reply that fits it. Reported probabilities are calibrated at sharpness 1, overconfident above.
`voice` puts the free words into a model's own manner, so that two right answers are rarely the same text.
`malformed` replies of a judge are half as frequent; `gullible` is how often it accepts a planted answer: an empty
one, one that talks to its judge, one that belongs to another message. A test compares this table with `PROFILES`.
"""  # noqa: E501 - a table's row is one line

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

Wire = Literal["openai-chat", "openai-responses", "anthropic"]
Rate = Annotated[float, Field(ge=0, le=1)]

SHARED = 0.4
SMALL = 1.6
SIZES = ("large", "small")


class Profile(BaseModel):
    """The stated error profile of one practice family; each rate is a share of its replies."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    wire: Wire = "openai-chat"
    """The wire format its models speak."""
    wrong: Rate = 0.0
    """The answer (the target field) is another, confusable one."""
    other: Rate = 0.0
    """Each of the remaining fields is wrong: a flag flipped, an extracted value lost or misread."""
    malformed: Rate = 0.0
    """Not what was asked for: fenced, cut, chatty, single-quoted, an invented label."""
    refusal: Rate = 0.0
    """Half of them with the wire's refusal stop, half only in words."""
    truncated: Rate = 0.0
    """Rambles for 600 to 1,500 tokens, so the usual limit cuts it; a larger one may not."""
    verbose: Rate = 0.0
    """Padded with several sentences that say nothing."""
    leak: Rate = 0.0
    """Adds somebody's e-mail, phone, card or IP, all from reserved ranges."""
    duplicate: Rate = 0.0
    """The same canned words whatever was asked."""
    voice: Rate = 0.0
    """The free words get an opening and a closing of the model's own."""
    sharpness: Annotated[float, Field(gt=0)] = 1.0
    """Factor on the log-odds of reported probabilities: 1 is calibrated, more is overconfident."""
    judge: Rate = 0.0
    """As a judge: the verdict is the wrong one."""
    gullible: Rate = 0.0
    """As a judge: accepts what is no answer at all, or talks it into accepting."""
    reasoning: Annotated[int, Field(ge=0)] = 0
    """Hidden tokens thought before each reply: billed as output, within the token limit, never shown."""


PROFILES: dict[str, Profile] = {
    "alder": Profile(
        wrong=0.18, other=0.06, malformed=0.03, refusal=0.01, truncated=0.01, verbose=0.03, leak=0.02,
        duplicate=0.03, voice=1.0, judge=0.14, gullible=0.01,
    ),
    "birch": Profile(
        wire="anthropic", wrong=0.14, other=0.05, malformed=0.015, refusal=0.025, truncated=0.01, verbose=0.06,
        leak=0.01, duplicate=0.02, voice=1.0, judge=0.12, gullible=0.008,
    ),
    "cedar": Profile(
        wire="openai-responses", wrong=0.22, other=0.08, malformed=0.04, refusal=0.01, truncated=0.02, verbose=0.02,
        leak=0.03, duplicate=0.05, sharpness=1.6, voice=1.0, judge=0.16, gullible=0.012,
    ),
    "dogwood": Profile(
        wrong=0.10, other=0.03, malformed=0.01, refusal=0.01, truncated=0.005, verbose=0.02, leak=0.01,
        duplicate=0.01, voice=1.0, judge=0.08, gullible=0.006,
    ),
}  # fmt: skip


class Faults(BaseModel):
    """Faults of the server, not of a model: each attempt meets at most one, drawn from seed, body and attempt."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    rate_limited: Rate = 0.0
    """429 with Retry-After."""
    server_error: Rate = 0.0
    """500."""
    overloaded: Rate = 0.0
    """529 on the Anthropic wire, 503 on the OpenAI ones."""
    timeout: Rate = 0.0
    """No answer for `hang` seconds, then 504."""
    garbage: Rate = 0.0
    """200 with a page that is not JSON, as a broken proxy sends it."""
    slow: Rate = 0.0
    """A straggler: the proper answer, but only after `hang` seconds."""
    flex_unavailable: Rate = 0.0
    """A request for the flex tier is refused with 429 "resource_unavailable", which costs nothing."""
    drops: tuple[Literal["logprobs", "n"], ...] = ()
    """Parameters the server ignores without saying so, as some compatible servers do."""
    retry_after: Annotated[float, Field(ge=0)] = 0.1
    """Seconds named in the Retry-After of a 429."""
    hang: Annotated[float, Field(ge=0)] = 30.0
    """Seconds before a timeout fault gives up with 504; a client with a shorter limit gives up first."""
    until_attempt: Annotated[int, Field(ge=0)] = 4
    """From this attempt on there are no faults, so that every run ends; 0: faults without end."""


def family_models(profiles: dict[str, Profile]) -> dict[str, str]:
    """Model name -> family, for every model the server offers."""
    return {f"{family}-{size}": family for family in profiles for size in SIZES}


def profile_of(model: str, profiles: dict[str, Profile]) -> Profile | None:
    """The profile a model name stands for, small ones with their rates raised; None for an unknown model."""
    family, _, size = model.rpartition("-")
    if family not in profiles or size not in SIZES:
        return None
    profile = profiles[family]
    return profile if size == "large" else _raised(profile, SMALL)


def _raised(profile: Profile, factor: float) -> Profile:
    rates = {
        k: min(1.0, v * factor)
        for k, v in profile.model_dump(exclude={"wire", "sharpness", "voice", "reasoning"}).items()
    }
    return profile.model_copy(update=rates)
