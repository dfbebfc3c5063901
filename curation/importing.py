"""Reads files people already have into prompts: JSONL, CSV, OpenAI and Anthropic request logs, chats.

Every row of the file is kept or quarantined with file, line and reason. Logs that hold answers also become a
recording (see `curation/llm/replay.py`), so that what was paid for once is used without asking again.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pydantic import JsonValue, ValidationError

from curation.errors import InputError
from curation.plugins import nearest
from curation.reading import prompt_of, renamed
from curation.records import Prompt, canonical, digest, draw
from curation.rows import Format, Line, Row, read_rows
from curation.store.durable import write_durably
from curation.task import PromptsTable


@dataclass(frozen=True)
class ImportReport:
    """What an import did: `in_rows = kept + quarantined + left_out`; the files it wrote; the first three prompts."""

    in_rows: int
    kept: int
    quarantined: int
    left_out: int
    """Good rows that the sample did not draw."""
    first: tuple[Prompt, ...]
    out: Path
    quarantine: Path | None
    recording: Path | None

    def as_dict(self) -> dict[str, JsonValue]:
        """For --json."""
        return {
            "in": self.in_rows,
            "kept": self.kept,
            "quarantined": self.quarantined,
            "left_out": self.left_out,
            "out": str(self.out),
            "quarantine": None if self.quarantine is None else str(self.quarantine),
            "recording": None if self.recording is None else str(self.recording),
        }


@dataclass(frozen=True)
class Draw:
    """A seeded sample of `n` rows, in proportion to the values of `stratify` where that is given."""

    n: int
    stratify: str | None = None
    seed: int = 0


def import_file(  # noqa: PLR0913 - the command's options, one each
    path: Path,
    *,
    out: Path,
    mapping: Mapping[str, str] | None = None,
    format: Format = "auto",
    sample: int | None = None,
    stratify: str | None = None,
    seed: int = 0,
) -> ImportReport:
    """Turn a file into prompts at `out` (JSONL), what is unusable into a quarantine file beside it.

    `mapping` says which column is which field, `{"question": "text"}`. InputError when nothing can be read at all.
    """
    good: list[tuple[int, Row]] = []
    bad: list[Line] = []
    lines = read_rows(path, format, mapping or {})
    for line in lines:
        reason = line.reason if line.row is None else _why_no_prompt(line.row)
        if line.row is not None and not reason:
            good.append((line.number, line.row))
        else:
            bad.append(Line(line.number, line.row, reason))
    if not lines:
        raise InputError(f"{path} holds no rows")
    if not good:
        raise InputError(f"{path}: no row can be used; line {bad[0].number}: {bad[0].reason}")
    chosen = good if sample is None else drawn(good, Draw(sample, stratify, seed))
    prompts = _named([_prompt(row, path, number) for number, row in chosen])
    _write(out, [_as_row(p) for p in prompts])
    recorded = [row for row in (_recording(r, p) for (_, r), p in zip(chosen, prompts, strict=True)) if row]
    return ImportReport(
        in_rows=len(lines),
        kept=len(chosen),
        quarantined=len(bad),
        left_out=len(good) - len(chosen),
        first=tuple(prompts[:3]),
        out=out,
        quarantine=_write(out.parent.parent / "quarantine" / out.name, [_refused(b, path) for b in bad]),
        recording=_write(out.parent.parent / "recordings" / out.name, recorded),
    )


def drawn(rows: Sequence[tuple[int, Row]], wish: Draw) -> list[tuple[int, Row]]:
    """A sample of rows that depends on the seed and their content alone, in file order.

    Strata get their share of `n` by largest remainder, each at least one row while `n` allows.
    """
    strata: dict[str, list[tuple[int, Row]]] = {}
    for number, row in rows:
        key = "" if wish.stratify is None else canonical([_field(row, wish.stratify)]).decode()
        strata.setdefault(key, []).append((number, row))
    quota = _quota({key: len(mine) for key, mine in strata.items()}, min(wish.n, len(rows)))
    chosen: list[tuple[int, Row]] = []
    for key, mine in strata.items():
        luck = sorted(mine, key=lambda pair: draw(wish.seed, "import", digest(pair[1]), pair[0]))
        chosen += luck[: quota[key]]
    return sorted(chosen, key=lambda pair: pair[0])


def _quota(sizes: Mapping[str, int], n: int) -> dict[str, int]:
    total = sum(sizes.values())
    exact = {key: n * size / total for key, size in sizes.items()}
    quota = {key: int(share) for key, share in exact.items()}
    if n >= len(sizes):
        quota = {key: max(1, q) for key, q in quota.items()}
    order = sorted(sizes, key=lambda key: (quota[key] - exact[key], key))
    while (missing := n - sum(quota.values())) != 0:
        step = 1 if missing > 0 else -1
        for key in order if step > 0 else reversed(order):
            room = quota[key] < sizes[key] if step > 0 else quota[key] > min(1, sizes[key])
            if sum(quota.values()) != n and room:
                quota[key] += step
    return quota


def _field(row: Row, name: str) -> JsonValue:
    if name not in row:
        raise InputError(f"cannot stratify: a row has no {name!r}{nearest(name, row)} It has {', '.join(row)}")
    return row[name]


# --- prompts ---------------------------------------------------------------------------------------------------


def _why_no_prompt(row: Row) -> str:
    try:
        _prompt(row, Path("row"), 0)
    except ValidationError as error:
        return error.errors(include_url=False, include_input=False)[0]["msg"]
    except (ValueError, TypeError) as error:
        return str(error)
    return ""


def _prompt(row: Row, path: Path, number: int) -> Prompt:
    tags = row.get("tags")
    row = {**row, "tags": [t for t in tags.split(";") if t] if isinstance(tags, str) else tags}
    rest = {k: v for k, v in row.items() if k not in ("answer", "model")}
    return prompt_of(rest, PromptsTable(), f"{path.name}:{number}")


def _named(prompts: Sequence[Prompt]) -> list[Prompt]:
    """Equal rows without ids get names of their own, so that none is lost."""
    seen: set[str] = set()
    named: list[Prompt] = []
    for prompt in prompts:
        mine = prompt if prompt.id not in seen else renamed(prompt, seen)
        seen.add(mine.id)
        named.append(mine)
    return named


def _as_row(prompt: Prompt) -> Row:
    """A prompt as a line of a prompts file: plain text where it is one user turn."""
    turns = prompt.messages
    plain = len(turns) == 1 and turns[0].role == "user"
    said: Row = (
        {"text": prompt.text}
        if plain
        else {"messages": [m.model_dump(mode="json", exclude_defaults=True) | {"role": m.role} for m in turns]}
    )
    about: Row = {"group": prompt.group, "tags": list(prompt.tags)}
    return {"id": prompt.id, **said, **{k: v for k, v in about.items() if v}, **prompt.fields}


def _recording(row: Row, prompt: Prompt) -> Row | None:
    answer = row.get("answer", row.get("response"))
    if not isinstance(answer, str) or not answer:
        return None
    return {"prompt_id": prompt.id, "text": prompt.text, "model": row.get("model"), "answer": answer}


def _refused(line: Line, path: Path) -> Row:
    return {"file": path.name, "line": line.number, "reason": line.reason, "row": line.row}


def _write(path: Path, rows: Sequence[Row]) -> Path | None:
    if not rows:
        return None
    path.parent.mkdir(parents=True, exist_ok=True)
    write_durably(path, "".join(json.dumps(r, ensure_ascii=False) + "\n" for r in rows).encode())
    return path
