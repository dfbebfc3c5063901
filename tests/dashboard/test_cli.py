"""The command line: help for everything, one line for every stated failure, one JSON object for machines."""

import json
import re
import shlex
from pathlib import Path

import pytest

from curation.task import CURATION_TABLES, read_task
from dashboard.cli import beginning, reference
from dashboard.cli.main import main
from dashboard.cli.output import clean
from dashboard.cli.progress import Lines

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
COMMANDS = dict(reference.commands())
GROUPS = {name.split()[0] for name in COMMANDS if " " in name}
TASK = '[task]\nname = "t"\n'


def call(*arguments: str) -> int:
    """The exit code of one command."""
    with pytest.raises(SystemExit) as left:
        main(arguments)
    return int(left.value.code or 0)


def refused(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    """The one line a stated failure prints."""
    assert call(*arguments) == 1
    seen = capsys.readouterr()
    assert seen.out == ""
    assert seen.err.count("\n") == 1
    return seen.err


# --- help ----------------------------------------------------------------------------------------------------------


def test_every_command_and_every_option_says_what_it_is_for():
    silent = [
        f"{name} {param.name}".strip()
        for name, command in COMMANDS.items()
        for param in [command, *command.params]
        if not param.help
    ]
    assert not silent
    assert not [name for name, command in COMMANDS.items() if not command.epilog]


def test_every_reading_command_answers_with_json():
    writers = {"practice", "dashboard"}
    without = [n for n, c in COMMANDS.items() if n not in writers and not any("--json" in p.opts for p in c.params)]
    assert not without


def test_an_example_in_the_help_is_a_command_that_exists():
    assert not [c.epilog for c in COMMANDS.values() if unknown_in(c.epilog.removeprefix("Example:").strip())]


def unknown_in(line: str) -> str | None:
    """What in a `stillhouse ...` line is no command or option; None when all of it exists."""
    words = shlex.split(line.split(" | ")[0].split(" && ")[0].split(" || ")[0].split(" > ")[0], comments=True)[1:]
    while words[:1] and words[0] in {"-C", "--directory"}:
        words = words[2:]
    if not words or words[0] in {"--help", "-h", "--version", "..."} or not re.fullmatch("[a-z]+", words[0]):
        return None
    name = " ".join(words[:2]) if words[0] in GROUPS and len(words) > 1 and not words[1].startswith("-") else words[0]
    if name not in COMMANDS:
        return None if name in GROUPS else name
    options = {o for p in COMMANDS[name].params for o in p.opts}
    given = {w.split("=")[0] for w in words if re.match(r"--?[a-zA-Z]", w)}
    return next((f"{name} {o}" for o in sorted(given) if o not in options), None)


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.name)
def test_the_pages_name_only_commands_and_options_that_exist(page: Path):
    text = page.read_text(encoding="utf-8")
    blocks = "\n".join(re.findall(r"```(?:sh|console|bash)\n(.*?)```", text, re.DOTALL))
    lines = [*blocks.replace("\\\n", " ").splitlines(), *re.findall(r"`(stillhouse [^`]+)`", text)]
    said = [m[0] for line in lines if (m := re.search(r"\bstillhouse .*", line.replace("\\|", "|")))]
    assert not [line for line in said if unknown_in(line)]


@pytest.mark.parametrize(
    ("page", "write"), [("task.md", reference.task_page), ("commands.md", reference.commands_page)]
)
def test_the_generated_pages_are_up_to_date(page: str, write):
    assert (ROOT / "docs" / page).read_text(encoding="utf-8") == write(), "run python -m dashboard.cli.reference"


def test_every_key_of_task_toml_says_what_it_does():
    silent = []
    shared = {f"## `[{name}]`" for name in CURATION_TABLES} | {"## `[[teachers]]`", "## `[[judges]]`"}
    for section in re.split(r"\n(?=##)", reference.task_page()):
        if section.splitlines()[0] not in shared:
            continue  # a plugin may tell what its settings do in one sentence above them
        prose, _, table = section.partition("| key |")
        for row in table.splitlines()[2:]:
            key, *_, what = [cell.strip() for cell in row.strip("|").split(" | ")]
            if not what.strip(" |") and key not in prose:
                silent.append(f"{section.splitlines()[0]} {key}")
    assert not silent


# --- failures ------------------------------------------------------------------------------------------------------


def test_an_unknown_command_is_a_usage_error_that_names_the_nearest(capsys):
    assert call("dashbord") == 2
    assert "'dashboard'" in capsys.readouterr().err


def test_an_unknown_option_is_a_usage_error_that_names_the_nearest(capsys):
    assert call("run", "--jsn") == 2
    assert "--json" in capsys.readouterr().err


def test_a_folder_without_a_task_is_named_with_what_makes_one(capsys, tmp_path):
    line = refused(capsys, "-C", str(tmp_path), "run")
    assert str(tmp_path) in line
    assert "stillhouse init" in line


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (b"[task\n", "task.toml"),
        (b'[task]\nname = "t"\n[chekcs.length]\n', "did you mean 'checks'"),
        (b'[task]\nname = "t"\n[dedup]\nexcat = true\n', "did you mean 'exact'"),
        (b'[task]\nname = "t"\n[checks.lenght]\n', "did you mean 'length'"),
        (b'[task]\nkind = "chat"\n', "'task.name' is missing"),
        (b"[task]\nname = '\xff'\n", "is not UTF-8"),
    ],
)
def test_a_task_that_cannot_be_used_is_one_line_saying_what_and_where(capsys, tmp_path, text: bytes, said: str):
    (tmp_path / "task.toml").write_bytes(text)
    line = refused(capsys, "-C", str(tmp_path), "status")
    assert said in line
    assert "task.toml" in line


def test_a_file_that_is_not_there_is_one_line(capsys, tmp_path):
    (tmp_path / "task.toml").write_text(TASK)
    assert "nowhere.jsonl" in refused(capsys, "-C", str(tmp_path), "gold", "import", "nowhere.jsonl")


def test_a_workspace_without_a_version_says_that_a_run_makes_one(capsys, tmp_path):
    (tmp_path / "task.toml").write_text(TASK)
    assert "run" in refused(capsys, "-C", str(tmp_path), "sql", "select 1")


# --- a workspace of one's own --------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["classify", "extract", "summarise", "chat", "tools", "rewrite"])
@pytest.mark.parametrize("teacher", ["openai:gpt-5-mini", "anthropic:claude-haiku-4-5", "replay:answers.jsonl"])
def test_the_task_that_init_writes_is_short_commented_and_valid(tmp_path, kind: str, teacher: str):
    wishes = beginning.Wishes(teacher=teacher, kind=kind, labels=("refund", "other"), budget=2.5)
    text = beginning.task_text("mine", wishes)
    (tmp_path / "task.toml").write_text(text)
    task = read_task(tmp_path / "task.toml")
    assert (task.task.kind, task.budget.usd, task.teachers[0].use) == (kind, 2.5, teacher.split(":")[0])
    assert len(text.splitlines()) <= 45
    assert text.count("#") >= 8


def test_init_wants_prompts_and_teacher_together(capsys, tmp_path):
    assert call("init", str(tmp_path / "w"), "--teacher", "openai:gpt-5-mini") == 2
    assert "--prompts and --teacher together" in " ".join(capsys.readouterr().err.split())


# --- doctor, progress, terminals -----------------------------------------------------------------------------------


def test_doctor_says_which_keys_are_there_and_never_shows_one(capsys, tmp_path, monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "sk-secret-value")
    monkeypatch.delenv("ANTHROPIC_API_KEY", raising=False)
    assert call("-C", str(tmp_path), "doctor", "--json") == 0
    out = capsys.readouterr().out
    found = {f["found"]: f for f in json.loads(out.splitlines()[-1])["findings"]}
    assert "sk-secret-value" not in out
    assert found["OPENAI_API_KEY is set"]["level"] == "ok"
    assert found["ANTHROPIC_API_KEY is not set"]["fix"].startswith("export ANTHROPIC_API_KEY=")


def test_doctor_fails_when_a_teacher_has_no_key(capsys, tmp_path, monkeypatch):
    monkeypatch.delenv("MY_KEY", raising=False)
    (tmp_path / "task.toml").write_text(
        TASK + '[[teachers]]\nname = "a"\nuse = "openai"\nmodel = "m"\napi_key_env = "MY_KEY"\n'
    )
    assert call("-C", str(tmp_path), "doctor") == 1
    seen = capsys.readouterr()
    assert "MY_KEY is not set, and 'a' needs it" in seen.out
    assert "export MY_KEY=" in seen.err


class _Clock:
    """Seconds that pass only when told."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def test_a_log_gets_a_line_every_few_seconds_with_rate_cost_and_time_left(tmp_path):
    clock, path = _Clock(), tmp_path / "log"
    with path.open("w") as stream:
        lines = Lines(stream, clock)
        lines.start("sample", 100)
        for _ in range(20):
            clock.now += 1
            lines.advance(2, cost_usd=0.5)
        lines.notice("judge: \x1b[31mno family")
        lines.finish()
    written = path.read_text().splitlines()
    assert written[0] == "sample: 10/100 · 2.0/s · 45 s left · $0.5000 so far"
    assert written[-1].startswith("sample: 40/100")
    assert len(written) == 6
    assert "\x1b" not in path.read_text()


def test_what_a_model_wrote_cannot_drive_the_terminal():
    assert clean("ok\x1b]0;owned\x07") == "ok\\x1b]0;owned\\x07"
    assert clean("a  b\nc", 4) == "a b…"
