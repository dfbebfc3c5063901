"""Answers that are not what [answer] in task.toml declares: JSON by its schema, a label on the list."""

from collections.abc import Iterator, Mapping
from typing import Any, cast

from jsonschema import Draft202012Validator
from jsonschema.exceptions import SchemaError, ValidationError, best_match
from pydantic import JsonValue
from referencing import Registry
from referencing.exceptions import Unresolvable
from referencing.jsonschema import DRAFT202012

from curation.answers import parse_answer
from curation.checking import Check, Drop, Opened, quote
from curation.errors import ReplyUnreadable, TaskError
from curation.records import Sample
from curation.task import AnswerTable


class Schema(Check):
    """Object to an answer that cannot be read, breaks the JSON schema (draft 2020-12), or has an unlisted label."""

    def open(self, answer: AnswerTable) -> Opened:
        """Compile the schema once; TaskError where it is none, or points outside itself."""
        validator = compile_schema(answer.json_schema, "task.toml [answer] schema") if answer.json_schema else None

        def look(sample: Sample) -> Drop | None:
            problem = _unreadable(sample, answer) or _invalid(sample, validator)
            if problem is None and (words := unlisted(sample.labels, answer)) is not None:
                problem = "label", words
            return None if problem is None else self.against(*problem)

        return look


def compile_schema(schema: Mapping[str, Any], where: str) -> Draft202012Validator:
    """A validator that fetches nothing; TaskError naming what is wrong with the schema."""
    try:
        Draft202012Validator.check_schema(schema)
    except SchemaError as error:
        place = "/".join(map(str, error.absolute_path)) or "its top"
        raise TaskError(f"{where} is not a JSON schema: at {place}: {quote(error.message, 160)}") from error
    resolver = Registry().resolver_with_root(DRAFT202012.create_resource(schema))
    for reference in _references(schema):
        try:
            resolver.lookup(reference)
        except Unresolvable as error:
            raise TaskError(f"{where}: $ref {reference!r} is not in the schema; nothing is fetched") from error
    return Draft202012Validator(schema, registry=Registry())


def worst(validator: Draft202012Validator, value: JsonValue) -> str | None:
    """The most telling violation as a sentence, or None when the value is valid."""
    error = cast("ValidationError | None", best_match(validator.iter_errors(value)))
    return None if error is None else f"at {error.json_path}: {quote(error.message, 160)}"


def _references(schema: Any) -> Iterator[str]:
    if isinstance(schema, Mapping):
        reference = schema.get("$ref")
        if isinstance(reference, str):
            yield reference
    inner = schema.values() if isinstance(schema, Mapping) else schema if isinstance(schema, list) else ()
    for value in inner:
        yield from _references(value)


def _unreadable(sample: Sample, answer: AnswerTable) -> tuple[str, str] | None:
    if sample.labels is not None or answer.format == "text":
        return None
    try:
        parse_answer(sample.answer or "", answer)
    except ReplyUnreadable as error:
        return "unreadable", f"answer is {quote(str(error), 160)}"
    return None


def _invalid(sample: Sample, validator: Draft202012Validator | None) -> tuple[str, str] | None:
    if validator is None or sample.labels is None:
        return None
    problem = worst(validator, cast("JsonValue", sample.labels))
    return None if problem is None else ("schema", f"answer breaks the schema {problem}")


def unlisted(labels: Mapping[str, JsonValue] | None, answer: AnswerTable) -> str | None:
    """What is wrong with a label outside the closed set; in a JSON answer only the labels' own field counts."""
    if labels is None or not answer.labels or (answer.format == "json" and answer.field is None):
        return None
    value = labels.get(answer.field or "label")
    if value in answer.labels:
        return None
    return f"label {quote(str(value))} is none of the {len(answer.labels)} labels"
