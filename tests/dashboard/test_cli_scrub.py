"""`stillhouse scrub`: as many rows out as in, nothing personal among them, the input untouched, and marks scored."""

import json
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from curation.scrub.formats import LONGEST_PARAGRAPH, PIECE, Text
from dashboard.cli.main import main

ROOT = Path(__file__).parents[2]
MAIL = "ana@example.com"
PATTERNS = ("--entities", "email,phone,card,iban,ip,secret")
"""Kinds that need no trained tagger."""


def call(folder: Path, *arguments: str) -> int:
    with pytest.raises(SystemExit) as left:
        main(["-C", str(folder), "scrub", *arguments, *PATTERNS])
    return int(left.value.code or 0)


def told(capsys: pytest.CaptureFixture[str], folder: Path, *arguments: str) -> dict:
    """The JSON object on the last line; nothing else may stand on standard output."""
    code = call(folder, *arguments, "--json")
    seen = capsys.readouterr()
    assert code == 0, seen.err
    assert seen.out.count("\n") == 1
    return json.loads(seen.out)


def refused(capsys: pytest.CaptureFixture[str], folder: Path, *arguments: str) -> str:
    assert call(folder, *arguments) == 1
    seen = capsys.readouterr()
    assert seen.err.count("\n") == 1
    return seen.err


def piped(text: str, *arguments: str) -> str:
    """What the command prints when the text comes through a pipe."""
    command = [sys.executable, "-m", "dashboard.cli.main", "scrub", "-", *arguments, *PATTERNS]
    return subprocess.run(command, cwd=ROOT, input=text, capture_output=True, text=True, check=True).stdout


# --- JSON lines ----------------------------------------------------------------------------------------------------

LINES = [
    '{"text": "write to ana@example.com", "n": 5, "deep": {"phone": "123 4567", "list": ["ip 192.0.2.7"]}}',
    "",
    '{"text":  "nothing here",   "x": 1.50}',
    '{"text": "open',
    '{"text": "ana@example.com", "text": "clean"}',
    '{"text": "\\u0061na\\u0040example.com \\ud83d"}',
    "[1]",
]


def test_every_row_comes_out_masked_also_inside_and_what_was_not_touched_stays_as_it_was(capsys, tmp_path):
    (tmp_path / "in.jsonl").write_text("\n".join(LINES), encoding="utf-8")
    assert call(tmp_path, "in.jsonl") == 0
    seen = capsys.readouterr()
    lines = seen.out.split("\n")
    first = {"text": "write to [EMAIL]", "n": 5, "deep": {"phone": "[PHONE]", "list": ["ip [IP]"]}}
    assert json.loads(lines[0]) == first
    assert lines[1:3] == LINES[1:3]
    assert json.loads(lines[3])["text"].startswith("[EMAIL] ")
    assert len(lines) == 5
    assert MAIL not in seen.out


def test_a_line_that_cannot_be_read_is_set_aside_with_its_line_and_reason_and_never_written(capsys, tmp_path):
    (tmp_path / "in.jsonl").write_text("\n".join(LINES), encoding="utf-8")
    report = told(capsys, tmp_path, "in.jsonl", "-o", "out.jsonl")
    assert (report["rows"], report["set_aside"]) == (3, 3)
    assert [(a["line"], a["reason"].split(" (")[0]) for a in report["aside"]] == [
        (4, "not JSON: Unterminated string starting at"),
        (5, "the key 'text' occurs twice"),
        (7, "a JSON list, not an object"),
    ]
    assert MAIL not in (tmp_path / "out.jsonl").read_text(encoding="utf-8")


def test_the_counts_say_kinds_zones_characters_and_speed(capsys, tmp_path):
    (tmp_path / "in.jsonl").write_text('{"text": "to ana@example.com"}\n{"text": "nothing"}\n', encoding="utf-8")
    report = told(capsys, tmp_path, "in.jsonl")
    assert report["spans"] == {"email": 1}
    assert report["zones"] == {"clean": 1, "masked": 1, "uncertain": 0}
    assert report["characters"] == len("to ana@example.com") + len("nothing")
    assert report["characters_per_second"] > 0
    assert report["point"] == "recall"


def test_only_named_columns_are_looked_at_and_an_unknown_one_is_an_error(capsys, tmp_path):
    (tmp_path / "in.jsonl").write_text('{"a": "ana@example.com", "b": "ben@example.com"}\n', encoding="utf-8")
    assert call(tmp_path, "in.jsonl", "--columns", "b") == 0
    assert json.loads(capsys.readouterr().out) == {"a": MAIL, "b": "[EMAIL]"}
    said = refused(capsys, tmp_path, "in.jsonl", "--columns", "bb", "-o", "out.jsonl")
    assert "no column 'bb'; did you mean 'b'?" in said
    assert not (tmp_path / "out.jsonl").exists()


def test_a_number_is_looked_at_only_when_its_column_is_named_and_is_told_otherwise(capsys, tmp_path):
    (tmp_path / "in.jsonl").write_text('{"phone": 2125550142}\n', encoding="utf-8")
    assert told(capsys, tmp_path, "in.jsonl")["left_alone"] == ["phone"]
    assert call(tmp_path, "in.jsonl", "--columns", "phone") == 0
    assert json.loads(capsys.readouterr().out) == {"phone": "[PHONE]"}


def test_a_key_that_holds_data_is_masked_too(capsys, tmp_path):
    (tmp_path / "in.jsonl").write_text('{"ana@example.com": 1, "ben@example.com": 2}\n', encoding="utf-8")
    assert call(tmp_path, "in.jsonl") == 0
    assert json.loads(capsys.readouterr().out) == {"[EMAIL]": 1, "[EMAIL] 2": 2}


# --- CSV -----------------------------------------------------------------------------------------------------------


def test_csv_keeps_fields_and_rows_that_were_not_scrubbed_to_the_byte(capsys, tmp_path):
    rows = [
        "\ufeffid;note;extra\r\n",
        '1;"=SUM(A1)";-5\r\n',
        "2;+x;@home\r\n",
        '3;"mail ana@example.com; soon";=1+1\r\n',
        '4;"two\nlines";z\r\n',
        "5;short\r\n",
        '"6";"192.0.2.7";"q"',
    ]
    (tmp_path / "in.csv").write_bytes("".join(rows).encode())
    report = told(capsys, tmp_path, "in.csv", "-o", "out.csv")
    rows[3] = '3;"mail [EMAIL]; soon";=1+1\r\n'
    rows[6] = '"6";"[IP]";"q"'
    del rows[5]
    assert (tmp_path / "out.csv").read_bytes().decode() == "".join(rows)
    assert (report["rows"], report["set_aside"]) == (5, 1)
    assert report["aside"][0]["line"] == 7
    assert report["aside"][0]["reason"] == "2 columns, the header has 3"


def test_a_csv_file_whose_first_line_is_data_is_refused_rather_than_passed_on(capsys, tmp_path):
    (tmp_path / "in.csv").write_text("1,ana@example.com\n2,ben@example.com\n", encoding="utf-8")
    assert "the first line holds personal data" in refused(capsys, tmp_path, "in.csv")


# --- Parquet -------------------------------------------------------------------------------------------------------


def test_parquet_keeps_rows_types_and_all_that_holds_no_strings(capsys, tmp_path):
    table = pa.table(
        {
            "id": pa.array([1, 2, 3], pa.int64()),
            "note": pa.array(["to ana@example.com", None, "x"], pa.large_string()),
            "kind": pa.array(["ip 192.0.2.7", "b", "b"]).dictionary_encode(),
            "turns": pa.array([[{"role": "user", "content": "ana@example.com", "n": 7}], [], None]),
            "raw": pa.array([b"\xff", b"", None], pa.binary()),
        }
    )
    pq.write_table(table, tmp_path / "in.parquet")
    report = told(capsys, tmp_path, "in.parquet", "-o", "out.parquet")
    clean = pq.read_table(tmp_path / "out.parquet")
    assert clean.schema.types == pq.read_table(tmp_path / "in.parquet").schema.types
    assert clean["note"].to_pylist() == ["to [EMAIL]", None, "x"]
    assert clean["kind"].to_pylist() == ["ip [IP]", "b", "b"]
    assert clean["turns"].to_pylist() == [[{"role": "user", "content": "[EMAIL]", "n": 7}], [], None]
    assert clean["raw"].to_pylist() == [b"\xff", b"", None]
    assert (report["rows"], report["left_alone"]) == (3, ["id", "raw"])


def test_what_is_no_parquet_is_one_line_and_parquet_wants_a_file_to_go_to(capsys, tmp_path):
    (tmp_path / "in.parquet").write_bytes(b"PAR0")
    assert "not Parquet" in refused(capsys, tmp_path, "in.parquet", "-o", "out.parquet")
    assert call(tmp_path, "in.parquet") == 2


# --- text and pipes --------------------------------------------------------------------------------------------------


def test_text_is_masked_and_its_line_ends_stay(capsys, tmp_path):
    (tmp_path / "in.txt").write_bytes(b"to ana@example.com\r\n\r\n\xf0\x9f\x98\x80 bye\n")
    assert call(tmp_path, "in.txt", "-o", "out.txt") == 0
    assert (tmp_path / "out.txt").read_bytes() == b"to [EMAIL]\r\n\r\n\xf0\x9f\x98\x80 bye\n"


def test_a_long_text_is_cut_between_paragraphs_only_and_nothing_is_lost(tmp_path):
    paragraphs = [f"paragraph {i} {'word ' * (i % 90)}".strip() for i in range(4000)]
    (tmp_path / "in.txt").write_text("\n\n".join(paragraphs), encoding="utf-8")
    with (tmp_path / "in.txt").open("rb") as source:
        pieces = [row.raw for block in Text("in.txt").blocks(source) for row in block.rows]
    assert "".join(pieces) == "\n\n".join(paragraphs)
    assert len(pieces) > 2
    assert max(map(len, pieces)) <= PIECE
    assert all(piece.endswith("\n\n") for piece in pieces[:-1])


@pytest.mark.parametrize(
    "text", ["x" * 2_500_000, "word " * 500_000, "line of words\n" * 180_000, "a\n\n" * 9 + "b" * 40_000]
)
def test_a_paragraph_is_not_cut_unless_it_is_longer_than_a_book(tmp_path, text):
    (tmp_path / "in.txt").write_text(text, encoding="utf-8")
    with (tmp_path / "in.txt").open("rb") as source:
        pieces = [row.raw for block in Text("in.txt").blocks(source) for row in block.rows]
    assert "".join(pieces) == text
    assert max(map(len, pieces)) <= 2 * LONGEST_PARAGRAPH
    assert all(piece[-1] in "x \n" for piece in pieces[:-1])


def test_a_pipe_brings_text_or_json_lines():
    assert piped("to ana@example.com\n") == "to [EMAIL]\n"
    assert json.loads(piped('{"text": "to ana@example.com"}\n')) == {"text": "to [EMAIL]"}
    assert piped('{"text": "to ana@example.com"}', "--format", "text") == '{"text": "to [EMAIL]"}'


def test_with_json_no_text_goes_to_standard_output(tmp_path):
    last = json.loads(piped("to ana@example.com\n", "--json"))
    assert last["spans"] == {"email": 1}


# --- what is refused -------------------------------------------------------------------------------------------------


def test_the_input_is_never_written_over_under_whatever_name(capsys, tmp_path):
    file = tmp_path / "in.txt"
    file.write_text(MAIL, encoding="utf-8")
    (tmp_path / "link.txt").hardlink_to(file)
    (tmp_path / "soft.txt").symlink_to(file)
    for name in ("in.txt", "link.txt", "soft.txt", "./in.txt"):
        assert "is the input" in refused(capsys, tmp_path, "in.txt", "-o", name)
    assert file.read_text(encoding="utf-8") == MAIL


@pytest.mark.parametrize(
    ("name", "content"), [("in.txt", b"ok\nbad \xff"), ("in.jsonl", b'{"a": "\xff"}'), ("in.csv", b"a\n\xff\n")]
)
def test_what_is_not_utf_8_is_refused_in_one_line_and_nothing_is_left_behind(capsys, tmp_path, name, content):
    (tmp_path / name).write_bytes(content)
    said = refused(capsys, tmp_path, name, "-o", f"out-{name}")
    assert "UTF-8" in said
    assert [p.name for p in tmp_path.iterdir()] == [name]


def test_an_unknown_ending_format_or_entity_names_what_is_known(capsys, tmp_path):
    (tmp_path / "in.docx").write_text("x", encoding="utf-8")
    assert "say --format csv|json|jsonl|parquet|text" in refused(capsys, tmp_path, "in.docx")
    assert "did you mean 'jsonl'?" in refused(capsys, tmp_path, "in.docx", "--format", "jsnl")
    with pytest.raises(SystemExit):
        main(["-C", str(tmp_path), "scrub", "in.docx", "--format", "text", "--entities", "emial"])
    assert "did you mean 'email'?" in capsys.readouterr().err
    assert "no such file" in refused(capsys, tmp_path, "nowhere.txt")


# --- what is shown -------------------------------------------------------------------------------------------------


def test_spans_are_shown_with_type_and_place_but_never_with_their_value(capsys, tmp_path):
    (tmp_path / "in.jsonl").write_text('{"id": "a", "note": "😀 to ana@example.com"}\n', encoding="utf-8")
    assert call(tmp_path, "in.jsonl", "--spans") == 0
    seen = capsys.readouterr()
    assert seen.out.splitlines()[0] == "1\tnote\t5-20\temail"
    assert MAIL not in seen.out + seen.err


def test_the_table_of_the_workspaces_task_counts(capsys, tmp_path):
    task = '[task]\nname = "t"\n[scrub]\npoint = "precision"\nallow = [{pattern = "ana@example.com", owner = "me"}]\n'
    (tmp_path / "task.toml").write_text(task, encoding="utf-8")
    (tmp_path / "in.txt").write_text("ana@example.com, ben@example.com", encoding="utf-8")
    report = told(capsys, tmp_path, "in.txt", "-o", "out.txt")
    assert report["point"] == "precision"
    assert (tmp_path / "out.txt").read_text(encoding="utf-8") == "ana@example.com, [EMAIL]"


# --- gold ----------------------------------------------------------------------------------------------------------

MARKED = [
    {
        "full_text": "Ann wrote from ana@example.com",
        "spans": [{"entity_type": "EMAIL_ADDRESS", "entity_value": MAIL, "start_position": 15, "end_position": 30}],
    },
    {
        "full_text": "call 212-555-0142",
        "spans": [
            {"entity_type": "PHONE_NUMBER", "entity_value": "212-555-0142", "start_position": 4, "end_position": 16}
        ],
    },
]


def test_marks_are_scored_in_the_fixed_shape(capsys, tmp_path):
    (tmp_path / "gold.json").write_text(json.dumps(MARKED), encoding="utf-8")
    report = told(capsys, tmp_path, "gold.json", "--gold-spans")
    assert list(report)[:6] == ["recall", "precision", "f2", "by_type", "characters_per_second", "defects_in_gold"]
    assert (report["recall"], report["precision"], report["f2"]) == (1.0, 1.0, 1.0)
    assert report["by_type"]["email"]["gold"] == 1
    (defect,) = report["defects_in_gold"]
    assert (defect["row"], defect["span"], defect["right"]) == (2, 1, {"start_position": 5, "end_position": 17})


def test_both_points_are_compared(capsys, tmp_path):
    (tmp_path / "gold.json").write_text(json.dumps(MARKED), encoding="utf-8")
    report = told(capsys, tmp_path, "gold.json", "--gold-spans", "--point", "both")
    assert set(report["points"]) == {"recall", "precision"}
    assert report["point"] == "recall"
    assert call(tmp_path, "gold.json", "--gold-spans", "--point", "both") == 0
    said = capsys.readouterr().out
    assert "█" in said
    assert "Defect in the gold, row 2, span 1" in said
    assert call(tmp_path, "gold.json", "--point", "both") == 2
