"""Secrets of every documented format are found where people leave them; what only looks like one is left alone."""

import sysconfig
from collections import Counter
from pathlib import Path

import pytest

from curation.detecting import BREAK, CUTS
from curation.detectors._secret_rules import rules
from curation.detectors.secret import Secret
from tests.curation.secret_formats import CUED, TYPED, WHOLE, cases

SECRET = Secret()
PIECE = "q8ZpV3nK7tYwLr2XbG5m"


def found(text, point="recall"):
    """What is found at an operating point: value and kind."""
    finds = list(SECRET(text)) if SECRET.concerns(text) else []
    return [(text[f.start : f.end], f.kind) for f in finds if f.score >= CUTS[point]]


def values(text, point="recall"):
    return [value for value, _ in found(text, point)]


def covered(case, point):
    finds = [f for f in (SECRET(case.text) if SECRET.concerns(case.text) else ()) if f.score >= CUTS[point]]
    seen = {at for f in finds for at in range(f.start, f.end)}
    return seen.issuperset(range(case.start, case.end))


@pytest.mark.parametrize("point", ["recall", "precision"])
def test_99_of_100_secrets_of_documented_formats_are_found_whole_wherever_they_stand(point):
    assert len(TYPED) + len(CUED) + len(WHOLE) >= 60
    tried, missed = Counter(), Counter()
    for case in cases(seed=20261, each=50):
        tried[case.format] += 1
        missed[case.format] += not covered(case, point)
    assert min(tried.values()) >= 50
    assert missed.total() / tried.total() <= 0.01, missed.most_common(5)
    # The whole may not hide a format that is missed as a rule.
    worst, misses = missed.most_common(1)[0]
    assert misses / tried[worst] <= 0.1, worst


def test_many_texts_looked_at_together_give_what_each_gives_alone():
    sample = [case.text for case in cases(seed=5, each=2)]
    alone = [value for text in sample for value in values(text)]
    assert sorted(values(BREAK.join(sample))) == sorted(alone)


def test_a_find_carries_the_name_of_its_rule():
    assert found(f"use ghp_{PIECE}{PIECE[:16]} now") == [(f"ghp_{PIECE}{PIECE[:16]}", "github_token")]
    assert found("my password is hunter42!") == [("hunter42", "password")]
    assert found("my PIN is 4821") == [("4821", "pin")]


@pytest.mark.parametrize(
    "text",
    [
        "api_key=your-api-key",
        "token: xxxxxxxxxxxxxxxxxxxx",
        "password: changeme",
        "AKIAIOSFODNN7EXAMPLE",
        "https://user:password@example.com/x",
        'secret = "put-your-secret-here-1"',
    ],
)
def test_an_example_is_masked_at_recall_and_left_alone_at_precision(text):
    assert values(text)
    assert not values(text, "precision")


@pytest.mark.parametrize(
    "text",
    [
        "password: <password>, token: ${API_TOKEN}",
        "git commit 4a1f9c2e7b3d5a6c8e0f1b2d3c4e5f6a7b8c9d0e broke it",
        "request 3f2504e0-4f89-11d3-9a0c-0305e82c3301 failed",
        "![x](data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAUAAAAFCAYAAACNbyblAAAAHElEQVQI12P4)",
        "sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
        "my password is incorrect",
        "password: required",
        "token = tokenize.generate_tokens(readline)",
        "password = getpass.getpass()",
        "the token was issued on 2024-05-01",
        "a key-value store; its primary key is customer_id",
        "I forgot my password, please help",
        "they pass on the way and pass it to him",
        "Bearer authentication is used",
        "the pin code of Pune is on the letter",
    ],
)
def test_what_only_looks_like_a_secret_is_left_alone(text):
    assert values(text) == []


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("Mein Passwort lautet Sommer2024!", "Sommer2024"),
        ("mi contraseña es gato1234", "gato1234"),
        ("пароль: котик123", "котик123"),
        ("the password for the wifi is Blue-42-Sky", "Blue-42-Sky"),
        ("run it with --token a8Kd02ms9 -v", "a8Kd02ms9"),
        ("curl -u bob:s3cr3tpw https://x", "bob:s3cr3tpw"),
        ("here is the key I got yesterday:\n" + PIECE, PIECE),
        ("€ password: hunter42x", "hunter42x"),
        ("\ud800 password: hunter42x", "hunter42x"),
    ],
)
def test_a_secret_is_told_by_what_is_said_about_it(text, value):
    assert values(text) == [value]


def test_of_several_listed_values_every_one_is_found():
    listed = [PIECE, PIECE[::-1], PIECE.swapcase()]
    assert values(f"tokens: {listed[0]}, {listed[1]} and {listed[2]}") == listed


def test_a_private_key_without_an_end_reaches_to_the_end_of_its_own_text():
    text = "a -----BEGIN RSA PRIVATE KEY-----\nMIIB" + BREAK + "other"
    (find,) = SECRET(text)
    assert (text[find.start : find.end], find.bounded) == ("-----BEGIN RSA PRIVATE KEY-----\nMIIB", False)
    whole = "-----BEGIN PRIVATE KEY-----\nMIIB\n-----END PRIVATE KEY-----"
    assert values(f"x {whole} y") == [whole]


def test_the_rules_are_sound():
    for rule in rules():
        assert rule.name.replace("_", "").isalnum()
        assert all(rule.literals)
        assert 1 <= rule.entropy <= 5
        assert 0 <= rule.before[0] <= rule.before[1] <= 80
        assert rule.compiled.groups == rule.regex.count("(?P<secret>")
    assert len({rule.name for rule in rules()}) > 100


def test_at_precision_a_million_characters_of_code_and_its_documentation_hold_next_to_no_secret():
    chars, wrong = 0, []
    for path in sorted(Path(sysconfig.get_paths()["stdlib"]).glob("*.py")):
        text = path.read_text(encoding="utf-8", errors="replace")
        chars += len(text)
        wrong += [(path.name, value) for value in values(text, "precision")]
    assert chars > 1_000_000
    # secrets.py shows two generated tokens, urllib's docstring a password: they would be masked rightly.
    assert len(wrong) <= max(5, chars / 500_000), wrong
