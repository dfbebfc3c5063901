"""Tool calls that name no declared tool or whose arguments break its schema."""

import json
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, Literal, cast

from jsonschema import Draft202012Validator
from pydantic import JsonValue

from curation.answers import load_json
from curation.checking import Check, Drop, Opened, Quarantine, quote
from curation.checks.schema import compile_schema, worst
from curation.errors import ReplyUnreadable, TaskError
from curation.records import Sample, ToolCall, canonical
from curation.task import AnswerTable

_TYPES = {"dict": "object", "float": "number", "tuple": "array", "list": "array", "int": "integer", "bool": "boolean"}
"""Type names of Python that public tool-call sets write where JSON Schema has its own."""
_DATA = {"type", "enum", "const", "default", "description"}
"""Keywords whose values hold no schema."""


class ToolCalls(Check):
    """Object to a call of an undeclared tool, or to arguments that are not valid JSON for that tool's schema.

    Tools are declared in `tools` and, per prompt, in its column `field`: OpenAI tools
    (`{"type": "function", "function": {...}}`), Anthropic tools (`input_schema`) or plain `{"name", "parameters"}`.
    Dots in a name count as underscores, since providers allow no dots.
    """

    tools: tuple[dict[str, JsonValue], ...] = ()
    field: str = "tools"
    calls: Literal["required", "optional", "forbidden"] = "required"
    undeclared_arguments: bool = False
    """Whether a call may pass arguments its schema does not name."""

    def open(self, answer: AnswerTable) -> Opened:
        """Compile the tools declared for all; TaskError where one is no tool."""
        shared = declared(self.tools, "task.toml [checks.tool_call] tools")

        def look(sample: Sample) -> Drop | None:
            if problem := self._count(len(sample.tool_calls)):
                return self.against(*problem)
            try:
                known = shared | declared(sample.fields.get(self.field) or (), f"column {self.field!r}")
            except TaskError as error:
                return Quarantine("tools_unreadable", quote(str(error), 200))
            problems = (self._wrong(call, known) for call in sample.tool_calls)
            return next((self.against(*p) for p in problems if p), None)

        return look

    def _count(self, n: int) -> tuple[str, str] | None:
        if self.calls == "required" and n == 0:
            return "no_tool_call", "answer calls no tool"
        if self.calls == "forbidden" and n:
            return "unwanted_tool_call", f"answer calls {n} tools and should call none"
        return None

    def _wrong(self, call: ToolCall, known: Mapping[str, Draft202012Validator]) -> tuple[str, str] | None:
        validator = known.get(_plain(call.name))
        if validator is None:
            names = ", ".join(sorted(known)) or "none"
            return "unknown_tool", f"tool {quote(call.name)} is not declared. Known: {names}"
        try:
            arguments = load_json(call.arguments)
        except ReplyUnreadable as error:
            return "tool_arguments", f"arguments of {call.name} are {quote(str(error), 160)}"
        if problem := worst(validator, arguments):
            return "tool_arguments", f"arguments of {call.name} break its schema {problem}"
        return None if self.undeclared_arguments else _extra(call.name, arguments, validator)


def declared(tools: Any, where: str) -> dict[str, Draft202012Validator]:
    """Tool name to a validator of its arguments; TaskError naming what is no tool."""
    found: dict[str, Draft202012Validator] = {}
    for tool in tools if isinstance(tools, list | tuple) else [tools]:
        inner = tool.get("function", tool) if isinstance(tool, Mapping) else None
        name = inner.get("name") if isinstance(inner, Mapping) else None
        if not isinstance(inner, Mapping) or not isinstance(name, str):
            raise TaskError(f"{where}: {quote(str(tool))} is not a tool with a name")
        schema = inner.get("parameters") or inner.get("input_schema") or {}
        found[_plain(name)] = _compiled(canonical({"type": "object", **standard(schema)}).decode(), f"{where}: {name}")
    return found


def standard(schema: Any) -> Any:
    """A schema whose type names are JSON Schema's (`dict` becomes `object`, `any` becomes no type at all).

    >>> standard({"type": "dict", "properties": {"x": {"type": "float"}}})
    {'type': 'object', 'properties': {'x': {'type': 'number'}}}
    """
    if isinstance(schema, list):
        return [standard(item) for item in schema]
    if not isinstance(schema, Mapping):
        return schema
    kept = {key: value for key, value in schema.items() if not (key == "type" and value == "any")}
    kind = kept.get("type")
    if isinstance(kind, str):
        kept["type"] = _TYPES.get(kind, kind)
    return {
        key: value if key in ("enum", "const", "default", "type") else standard(value) for key, value in kept.items()
    }


@lru_cache(maxsize=4096)
def _compiled(schema: str, where: str) -> Draft202012Validator:
    return compile_schema(json.loads(schema), where)


def _extra(name: str, arguments: Any, validator: Draft202012Validator) -> tuple[str, str] | None:
    schema = cast("Mapping[str, Any]", validator.schema)
    allowed = schema.get("properties")
    if not isinstance(allowed, Mapping) or "additionalProperties" in schema or not isinstance(arguments, dict):
        return None
    extra = sorted(set(arguments) - set(allowed))
    return ("tool_arguments", f"{name} has no argument {quote(extra[0])}") if extra else None


def _plain(name: str) -> str:
    return name.replace(".", "_")
