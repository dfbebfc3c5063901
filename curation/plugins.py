"""File name -> class -> instance: a plugin is one file holding one frozen pydantic model.

`checks/length.py` holds `class Length(Plugin)`; in task.toml it is `[checks.length]`; its fields are its settings,
`__call__` its work, its dump its provenance. A plugin from outside is
named by a dotted path: `use = "mypkg.mod:Class"`.
"""

import difflib
import importlib
import pkgutil
from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any, ClassVar, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from curation.errors import TaskError, UnknownPlugin


class Plugin(BaseModel):
    """A frozen model whose fields are its settings; subclasses add `__call__` or `open(resources)`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: ClassVar[str] = ""
    """The file name it was loaded from; set by the loader's caller through `plugin_name`."""

    @classmethod
    def plugin_name(cls) -> str:
        """The name used in task.toml: the module's last part."""
        return cls.__module__.rsplit(".", 1)[-1]


P = TypeVar("P", bound=BaseModel)


@cache
def known(package: str) -> tuple[str, ...]:
    """Names of the plugins in a package folder, sorted, without importing them."""
    module = importlib.import_module(package)
    return tuple(sorted(m.name for m in pkgutil.iter_modules(module.__path__) if not m.name.startswith("_")))


def nearest(name: str, choices: Iterable[str]) -> str:
    """`; did you mean 'x'?` when one choice is close, else nothing.

    >>> nearest("lenght", ["length", "schema"])
    "; did you mean 'length'?"
    """
    close = difflib.get_close_matches(name, list(choices), n=1, cutoff=0.6)
    return f"; did you mean {close[0]!r}?" if close else ""


def load(package: str, name: str) -> type[Plugin]:
    """The plugin class in `package/name.py`.

    Raises UnknownPlugin, naming the nearest and all known ones.
    """
    names = known(package)
    if name not in names:
        kind = package.rsplit(".", 1)[-1]
        raise UnknownPlugin(f"no plugin {name!r} in {kind}{nearest(name, names)} Known: {', '.join(names) or 'none'}")
    return _only_class(importlib.import_module(f"{package}.{name}"))


def load_dotted(path: str) -> type[Plugin]:
    """The plugin class at `package.module:Class`, for plugins from outside."""
    module_name, _, class_name = path.partition(":")
    try:
        found = getattr(importlib.import_module(module_name), class_name)
    except (ImportError, AttributeError, ValueError) as error:
        raise UnknownPlugin(f"cannot import plugin {path!r}: {error}. Write it as 'package.module:Class'") from error
    if not (isinstance(found, type) and issubclass(found, Plugin)):
        raise UnknownPlugin(f"{path!r} is not a Plugin")
    return found


def build(package: str, name: str, settings: Mapping[str, Any], where: str) -> Plugin:
    """One plugin with its settings; `where` (`task.toml [checks.length]`) is named in errors.

    `use` in the settings overrides the file name with a dotted path.
    """
    rest = {k: v for k, v in settings.items() if k != "use"}
    try:
        cls = load_dotted(settings["use"]) if "use" in settings else load(package, name)
    except UnknownPlugin as error:
        raise UnknownPlugin(f"{where}: {error}") from error
    return validate(cls, rest, where)


def validate(model: type[P], values: Mapping[str, Any], where: str) -> P:
    """A pydantic model from a table of task.toml, or a TaskError naming key, value and the nearest known key."""
    try:
        return model.model_validate(values)
    except ValidationError as error:
        raise TaskError(explain(error, model, where)) from error


def explain(error: ValidationError, model: type[BaseModel], where: str) -> str:
    """The first validation problem as one sentence."""
    first = error.errors(include_url=False)[0]
    path = ".".join(str(p) for p in first["loc"])
    if first["type"] == "extra_forbidden":
        choices = _fields_at(model, first["loc"][:-1])
        key = str(first["loc"][-1])
        return f"{where}: unknown key {path!r}{nearest(key, choices)} Known: {', '.join(choices)}"
    if first["type"] == "missing":
        return f"{where}: {path!r} is missing"
    return f"{where}: {path} = {first['input']!r}: {first['msg']}"


def _fields_at(model: type[BaseModel], path: tuple[int | str, ...]) -> list[str]:
    for part in path:
        if isinstance(part, int) or part not in model.model_fields:
            continue
        inner = _inner_model(model.model_fields[part].annotation)
        if inner is None:
            return []
        model = inner
    return sorted(f.alias or n for n, f in model.model_fields.items())


def _inner_model(annotation: Any) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    for arg in getattr(annotation, "__args__", ()):
        if (found := _inner_model(arg)) is not None:
            return found
    return None


def _only_class(module: Any) -> type[Plugin]:
    found = [
        v
        for v in vars(module).values()
        if isinstance(v, type)
        and issubclass(v, Plugin)
        and v.__module__ == module.__name__
        and not v.__name__.startswith("_")
    ]
    if len(found) != 1:
        raise UnknownPlugin(f"{module.__name__} must hold exactly one plugin class, it holds {len(found)}")
    return found[0]
