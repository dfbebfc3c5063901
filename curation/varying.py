"""Prompts varied before they are asked: reworded, told by another person, made harder, mistyped, left incomplete."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from curation.asker import Ask, Asker, Failure
from curation.errors import ReplyUnreadable
from curation.records import Prompt, Reply, Request, draw
from curation.task import Task
from curation.variation import Variation, kinds_for, lost, reworded, variations_of

__all__ = ["vary_prompts"]

Answers = Mapping[str, Reply | Failure]


@dataclass(frozen=True)
class _Wish:
    """One variant to be made: of which prompt, of which kind, and the text or the request that gives it."""

    prompt: Prompt
    variant: int
    kind: str
    source: str | None
    made: str | None = None
    request: Request | None = None


def vary_prompts(prompts: Sequence[Prompt], task: Task, asker: Asker) -> list[Prompt]:
    """The prompts with their variants after them, as [vary] says; one that failed is left out and counted.

    A variant keeps the prompt's group and fields, names it as its parent and carries the tag `vary:<kind>`.
    """
    kinds = {name: v for name, v in variations_of(task.vary).items() if v.manners()}
    if not task.vary.per_prompt or not task.teachers or not kinds:
        return list(prompts)
    wishes = _wishes(prompts, task, kinds, asker)
    teacher = task.teacher(task.vary.teacher) if task.vary.teacher else task.teachers[0]
    requests = {w.request.key: w.request for w in wishes if w.request}
    answers = asker.ask([Ask(r, teacher) for r in requests.values()], "vary")
    made: dict[str, list[Prompt]] = {}
    left_out: Counter[str] = Counter()
    for wish in wishes:
        words = _words(wish, answers)
        if why := _why_not(wish, words, kinds[wish.kind]):
            left_out[why] += 1
        elif words is not None:
            made.setdefault(wish.prompt.id, []).append(_variant(wish, words, kinds[wish.kind]))
    if left_out:
        why = ", ".join(f"{n} {words}" for words, n in left_out.most_common())
        asker.notice(f"{left_out.total()} of {len(wishes)} variants were left out: {why}")
    return [p for prompt in prompts for p in (prompt, *made.get(prompt.id, ()))]


def _wishes(prompts: Sequence[Prompt], task: Task, kinds: Mapping[str, Variation], asker: Asker) -> list[_Wish]:
    table, seed = task.vary, task.task.seed
    teacher = task.teacher(table.teacher) if table.teacher else task.teachers[0]
    requests: dict[tuple[str, int, str], Request] = {}

    def wish(prompt: Prompt, variant: int, kind: str, nth: int) -> _Wish:
        source = kinds[kind].source(prompt)
        if source is None:
            return _Wish(prompt, variant, kind, None)
        if (made := kinds[kind].local(source, nth, seed)) is not None:
            return _Wish(prompt, variant, kind, source, made=made)
        if (kind, nth, source) not in requests:
            asking = kinds[kind].asking(source, nth)
            requests[kind, nth, source] = asker.request(
                teacher, asking.messages, answer_schema=asking.answer_schema, template=asking.template
            )
        return _Wish(prompt, variant, kind, source, request=requests[kind, nth, source])

    return [
        wish(prompt, variant, kind, nth)
        for prompt in prompts
        if draw(seed, "vary", prompt.id) < table.share
        for variant, kind, nth in kinds_for(table, seed, prompt.id)
        if kind in kinds
    ]


def _words(wish: _Wish, answers: Answers) -> str | None:
    """The varied text; None where none came, which the caller counts."""
    if wish.request is None:
        return wish.made
    answer = answers[wish.request.key]
    if isinstance(answer, Failure):
        return None
    try:
        return reworded(answer.text)
    except ReplyUnreadable:
        return None


def _why_not(wish: _Wish, words: str | None, kind: Variation) -> str | None:
    """Why a variant is left out; None when it is one."""
    if wish.source is None:
        return "had no instruction to put in other words"
    if words is None:
        return "came back unusable"
    if words.strip() == wish.source.strip():
        return "came back unchanged"
    if not kind.loses and lost(wish.source, words) is not None:
        return "lost a number or a placeholder"
    return None


def _variant(wish: _Wish, words: str, kind: Variation) -> Prompt:
    prompt = wish.prompt
    return prompt.model_copy(
        update={
            "id": f"{prompt.id}~{wish.variant}",
            "messages": kind.applied(prompt, words),
            "tags": tuple(dict.fromkeys((*prompt.tags, f"vary:{wish.kind}", *kind.tags))),
            "parent": prompt.id,
            "variant": wish.variant,
            "masked": (),
        }
    )
