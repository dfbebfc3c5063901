"""Surrogates: keyed, consistent within their scope, of the same kind and format, and recognised when they return."""

import ipaddress
import json
import os
import re
import subprocess
import sys
from collections.abc import Sequence
from datetime import date
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import phonenumbers
import pytest
from faker import Faker
from hypothesis import given, settings
from hypothesis import strategies as st

from curation.detecting import luhn, mod97
from curation.surrogates import Session, SpanLike, Surrogates
from curation.surrogates.canonical import canonical
from curation.surrogates.locales import locale_of
from curation.surrogates.network import is_documentation
from curation.surrogates.people import pool

ROOT = Path(__file__).parent.parent.parent
KEY, OTHER = bytes(range(32)), bytes(range(32, 64))

TEXT = (
    "Hi Ana 👩🏽‍💻, this is Ana López; mail ana.lopez@post.test or alopez84@work.test, or call +44 7911 123456. "
    "Ana's order ORD-48213 of Friday, March 1, 2024 (due 2024-03-20) went to 12 Mill Lane, Leeds. "
    "Card 4539 1488 0343 6467, IBAN DE89 3704 0044 0532 0130 00, from 10.20.30.40, key hunter2hunter2."
)
VALUES = {
    "person": ["Ana López", "Ana"],
    "email": ["ana.lopez@post.test", "alopez84@work.test"],
    "phone": ["+44 7911 123456"],
    "account": ["ORD-48213"],
    "date": ["Friday, March 1, 2024", "2024-03-20"],
    "address": ["12 Mill Lane"],
    "place": ["Leeds"],
    "card": ["4539 1488 0343 6467"],
    "iban": ["DE89 3704 0044 0532 0130 00"],
    "ip": ["10.20.30.40"],
    "secret": ["hunter2hunter2"],
}


class Place(NamedTuple):
    entity: str
    kind: str
    start: int
    end: int


def places(text: str, values: dict[str, list[str]]) -> list[Place]:
    """Where the values stand, longer ones first, without overlaps."""
    found: list[Place] = []
    for entity, value in sorted(((e, v) for e, vs in values.items() for v in vs), key=lambda ev: -len(ev[1])):
        for match in re.finditer(re.escape(value), text):
            start, end = match.span()
            if not any(p.start < end and start < p.end for p in found):
                found.append(Place(entity, "", start, end))
    return sorted(found, key=lambda p: p.start)


def between(text: str, spans: Sequence[SpanLike]) -> list[str]:
    """What stands between the places."""
    return [text[a.end : b.start] for a, b in pairwise(spans)]


def session(scope_id: str = "c-1", key: bytes = KEY, **options) -> Session:
    return Surrogates(key, options.pop("scope", "conversation"), **options).session(scope_id)


def scrubbed(scope_id: str = "c-1", key: bytes = KEY, **options) -> str:
    return session(scope_id, key, **options).replace(TEXT, places(TEXT, VALUES))[0]


def test_no_original_survives_and_everything_around_the_places_stays():
    text, planted = session().replace(TEXT, places(TEXT, VALUES))
    assert not [v for vs in VALUES.values() for v in vs if v in text]
    assert between(TEXT, places(TEXT, VALUES)) == between(text, planted)
    assert "👩🏽‍💻, this is" in text


def test_the_same_key_and_scope_give_the_same_text_in_another_process():
    code = (
        "import json, sys\n"
        "from random import Random\n"
        "from curation.surrogates.locales import LETTERS, OF_LANGUAGE, OF_SCRIPT, drawn\n"
        "from tests.curation.test_surrogates import scrubbed, session\n"
        "names = ['山田 太郎', 'Иван Петров', 'Müller', 'Νίκος', 'José Núñez', '김민준', 'محمد']\n"
        "made = [session().of(e, '', n) for n in names for e in ('person', 'place', 'organisation', 'address')]\n"
        "for locale in sorted({*OF_LANGUAGE.values(), *OF_SCRIPT.values(), *LETTERS}):\n"
        "    for what in ('address', 'street_address', 'city', 'country', 'company', 'last_name'):\n"
        "        made.append(drawn(locale, Random(5), lambda source: getattr(source, what)()))\n"
        "print(json.dumps([scrubbed(), *made]))"
    )
    outputs = {
        subprocess.run(
            [sys.executable, "-c", code],
            capture_output=True,
            text=True,
            check=True,
            cwd=ROOT,
            env={**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": str(ROOT)},
        ).stdout
        for seed in ("1", "77")
    }
    assert len(outputs) == 1
    assert json.loads(outputs.pop())[0] == scrubbed()


def test_another_key_or_another_scope_gives_other_surrogates():
    made = {scrubbed(), scrubbed(key=OTHER), scrubbed("c-2"), scrubbed(scope="record")}
    assert len(made) == 4
    assert scrubbed("c-1", scope="dataset").split("Card")[1] == scrubbed("c-2", scope="dataset").split("Card")[1]


def test_a_key_of_another_length_is_refused():
    with pytest.raises(ValueError, match="32 bytes, not 3"):
        Surrogates(b"abc", "record")


def test_a_first_name_alone_is_the_first_name_of_its_full_name_wherever_it_stands():
    text = "Hi Priya! Priya Raman wrote: PRIYA's parcel. Ms Raman, P. Raman, Raman, Priya"
    names = ["Priya Raman", "Priya", "PRIYA's", "Ms Raman", "P. Raman", "Raman, Priya"]
    out, planted = session().replace(text, places(text, {"person": names}))
    shown = [out[p.start : p.end] for p in planted]
    first, last = shown[1].split()
    assert shown == [
        first,
        f"{first} {last}",
        f"{first.upper()}'s",
        f"Ms {last}",
        f"{first[0]}. {last}",
        f"{last}, {first}",
    ]


def test_a_full_name_keeps_the_first_name_given_to_it_before():
    one = session()
    assert one.of("person", "", "Priya Raman").split()[0] != one.of("person", "", "Jo")
    other = session()
    alone = other.of("person", "", "Priya")
    assert other.of("person", "", "Priya Raman").startswith(f"{alone} ")


@pytest.mark.parametrize(
    ("name", "shape"),
    [
        ("ANA LÓPEZ", r"[^\Wa-z]+ [^\Wa-z]+"),
        ("ana lopez", r"[^\WA-Z]+ [^\WA-Z]+"),
        ("Dr. Jean-Luc O'Brien", r"Dr\. \w+-\w+ [\w'’]+"),
        ("Ludwig van Hoven", r"\w+ van [\w'’]+"),
        ("J. R. Smith Jr.", r"\w\. \w\. [\w'’]+ Jr\."),
        ("Mr. Smith's", r"Mr\. [\w'’]+'s"),
    ],
)
def test_a_name_keeps_its_words_case_titles_and_particles(name, shape):
    made = session().of("person", "", name)
    assert re.fullmatch(shape, made), made
    assert made != name


def test_a_title_or_the_first_name_decides_the_gender_of_the_surrogate():
    female, male = set(pool("en_US", "first", "female")), set(pool("en_US", "first", "male"))
    women = {session(str(n)).of("person", "", "Jennifer Whitfield").split()[0] for n in range(40)}
    men = {session(str(n)).of("person", "", "Mr Jo Whitfield").split()[1] for n in range(40)}
    assert women <= female
    assert men <= male


@pytest.mark.parametrize(
    ("value", "otherwise", "locale"),
    [
        ("Иван Петров", "en_US", "ru_RU"),
        ("Олексій Їжак", "en_US", "uk_UA"),
        ("山田太郎", "ja_JP", "ja_JP"),
        ("王小明", "en_US", "zh_CN"),
        ("김민준", "en_US", "ko_KR"),
        ("Jürgen Weiß", "en_US", "de_DE"),
        ("Ana", "es_ES", "es_ES"),
        ("Ana", "ru_RU", "en_US"),
        ("Łukasz", "en_US", "pl_PL"),
    ],
)
def test_the_locale_is_read_off_the_value_before_the_text(value, otherwise, locale):
    assert locale_of(value, otherwise) == locale


def test_a_name_stays_in_its_script():
    for name, letters in [("Иван Петров", r"[Ѐ-ӿ -]+"), ("Νίκος Παππάς", r"[Ͱ-Ͽἀ-῿ ]+"), ("דוד כהן", r"[֐-׿ '\"]+")]:
        assert re.fullmatch(letters, session().of("person", "", name))


def test_the_language_of_the_text_decides_where_the_value_does_not():
    text = "Guten Tag, mein Name ist Anna Schulz und ich möchte meine Bestellung ändern."
    out, planted = session().replace(text, places(text, {"person": ["Anna Schulz"]}))
    first = out[planted[0].start : planted[0].end].split()[0]
    assert first in pool("de_DE", "first", "female")


@pytest.mark.parametrize(
    ("number", "shape"),
    [
        ("(212) 736-5000", r"\(\d{3}\) 555-01\d\d"),
        ("+1 212.736.5000 x1711", r"\+1 \d{3}\.555\.01\d\d x\d{4}"),
        ("736-5000", r"555-01\d\d"),
        ("+44 7911 123456", r"\+44 7700 900\d{3}"),
        ("020 7123 4567", r"020 7946 0\d{3}"),
        ("0044 (0)161 715 2345", r"0044 \(0\)\d{3} [49]\d{2} [06x]?\d{3}"),
        ("+33 1 42 68 53 00", r"\+33 1 99 00 \d\d \d\d"),
        ("06 12 34 56 78", r"06 39 98 \d\d \d\d"),
        ("+49 30 12345678", r"\+49 30 23125\d{3}"),
        ("+61 412 345 678", r"\+61 491 57\d \d{3}"),
    ],
)
def test_a_phone_number_keeps_its_format_and_comes_from_a_range_for_fiction(number, shape):
    made = session().of("phone", "", number)
    assert re.fullmatch(shape, made), made


@settings(max_examples=40, deadline=None)
@given(st.sampled_from(["ES", "IT", "NL", "IN", "BR", "JP", "CH", "ZA", "MX", "KR"]), st.integers(0, 10**6))
def test_a_phone_number_of_any_other_country_is_no_valid_number(region, scope):
    example = phonenumbers.example_number(region)
    for form in (phonenumbers.PhoneNumberFormat.INTERNATIONAL, phonenumbers.PhoneNumberFormat.E164):
        number = phonenumbers.format_number(example, form)
        made = session(str(scope)).of("phone", "", number)
        assert re.sub(r"\d", "0", made) == re.sub(r"\d", "0", number)
        assert not phonenumbers.is_valid_number(phonenumbers.parse(made, None))


def test_one_number_in_two_formats_gets_one_surrogate():
    one = session()
    digits = [
        re.sub(r"\D", "", one.of("phone", "", v))[-9:] for v in ("+44 20 7123 4567", "020 7123 4567", "02071234567")
    ]
    assert len(set(digits)) == 1
    cards = [one.of("card", "", v).replace("-", " ") for v in ("4539 1488 0343 6467", "4539-1488-0343-6467")]
    assert len(set(cards)) == 1


@pytest.mark.parametrize("number", ["4539 1488 0343 6467", "371449635398431", "5500-0000-0000-0004"])
def test_a_card_keeps_its_grouping_and_passes_the_checksum_only_where_asked(number):
    for n in range(20):
        wrong = session(str(n)).of("card", "", number)
        right = session(str(n), valid_checksums=True).of("card", "", number)
        assert re.sub(r"\d", "0", wrong) == re.sub(r"\d", "0", right) == re.sub(r"\d", "0", number)
        assert not luhn(re.sub(r"\D", "", wrong))
        assert luhn(re.sub(r"\D", "", right))
        assert wrong[0] == number[0]


@pytest.mark.parametrize("value", ["DE89 3704 0044 0532 0130 00", "GB82WEST12345698765432", "nl91 abna 0417 1643 00"])
def test_an_iban_keeps_country_and_grouping_and_passes_the_checksum_only_where_asked(value):
    for n in range(20):
        wrong = session(str(n)).of("iban", "", value)
        right = session(str(n), valid_checksums=True).of("iban", "", value)
        assert [c.isalpha() for c in wrong] == [c.isalpha() for c in value]
        assert wrong[:2] == right[:2] == value[:2]
        assert not mod97(wrong.replace(" ", "").upper())
        assert mod97(right.replace(" ", "").upper())


def test_a_social_security_number_comes_from_areas_never_given_out():
    for n in range(30):
        assert re.fullmatch(r"9\d\d-[0-4]\d-\d{4}", session(str(n)).of("national_id", "us_ssn", "123-45-6789"))


def test_a_national_number_keeps_its_shape_and_fails_its_countrys_checksum():
    from stdnum.es import nif

    for n in range(30):
        made = session(str(n)).of("national_id", "es_nif", "54362315K")
        assert re.fullmatch(r"\d{8}[A-Z]", made)
        assert not nif.is_valid(made)


def test_an_order_number_keeps_the_word_before_it():
    assert re.fullmatch(r"ORD-\d{5}", session().of("account", "", "ORD-48213"))


def test_addresses_of_machines_come_from_the_documentation_ranges():
    one = session()
    for value in ("10.20.30.40", "8.8.8.8", "fe80::1", "2a02:0db8:85a3:0000:0000:8a2e:0370:7334"):
        made = one.of("ip", "", value)
        assert is_documentation(made)
        assert ipaddress.ip_address(made).version == ipaddress.ip_address(value).version
    mac = one.of("mac", "", "3c:22:fb:0a:1b:2c")
    assert re.fullmatch(r"[0-9a-f][26ae](?::[0-9a-f]{2}){5}", mac)


def test_a_machine_address_is_still_found_when_the_small_ranges_are_used_up():
    one = session()
    made = {one.of("ip", "", f"10.{n // 250}.{n % 250}.7") for n in range(1500)}
    assert len(made) == 1500
    assert all(map(is_documentation, made))


def test_a_link_leads_to_example_com_without_its_credentials():
    made = session().of("url", "", "https://jo:s3cret@www.shop.test:8080/orders/48213?mail=jo%40x.test")
    assert re.fullmatch(
        r"https://www\.\w+\.example\.(com|org|net):8080/[a-z]+/\d{5}\?[a-z]+=[a-z]{2}%\d\d[a-z]\.[a-z]{4}", made
    )


@pytest.mark.parametrize(
    ("address", "shape"),
    [
        ("ana.lopez@post.test", "{first}.{last}@example."),
        ("ALopez@post.test", "{f}{last}@example."),
        ("lopez_ana@post.test", "{last}_{first}@example."),
        ("ana@post.test", "{first}@example."),
        ("ana dot lopez at post dot test", "{first} dot {last} at example dot "),
    ],
)
def test_a_mailbox_named_after_somebody_is_named_after_the_surrogate(address, shape):
    text = f"{address} belongs to Ana López"
    out, planted = session().replace(text, places(text, {"email": [address], "person": ["Ana López"]}))
    ascii_only = {"á": "a", "é": "e", "í": "i", "ó": "o", "ú": "u", "ñ": "n"}
    name = out[planted[1].start : planted[1].end].translate(str.maketrans(ascii_only)).lower()
    first, last = name.split()
    assert out.lower().startswith(shape.format(first=first, last=last, f=first[0]))


def test_a_mailbox_of_nobody_known_and_of_an_office_lie_below_example_com_too():
    one = session()
    assert re.fullmatch(r"[a-z]+\.[a-z]+\d\d@example\.(com|org|net)", one.of("email", "", "bob.ray77@post.test"))
    assert re.fullmatch(r"info@[a-z]+\.example\.(com|org|net)", one.of("email", "", "info@firm.test"))


@pytest.mark.parametrize(
    ("value", "shape"),
    [
        ("2024-03-01", "%Y-%m-%d"),
        ("2024-03-01T10:30:00Z", "%Y-%m-%dT10:30:00Z"),
        ("March 05, 2024", "%B %d, %Y"),
        ("Fri, March 1, 2024", "Fri, %B {day}, %Y"),
        ("20240301", "%Y%m%d"),
        ("03/01/2024", "%m/%d/%Y"),
        ("01.03.2024", "%d.%m.%Y"),
        ("2024年3月1日", "%Y年{month}月{day}日"),
    ],
)
def test_a_date_keeps_its_format(value, shape):
    made = session().of("date", "", value)
    moved = date.fromisoformat(session().of("date", "", "2024-03-05" if "05" in value else "2024-03-01"))
    assert made == moved.strftime(shape).format(day=moved.day, month=moved.month)


def test_dates_of_one_subject_keep_order_distance_and_weekday():
    days = [date.fromordinal(738000 + n * 17) for n in range(60)]
    for scope_id in "abcdef":
        one = session(scope_id)
        moved = [date.fromisoformat(one.of("date", "", d.isoformat())) for d in days]
        assert {m - d for m, d in zip(moved, days, strict=True)} == {moved[0] - days[0]}
        assert 35 <= abs((moved[0] - days[0]).days) < 365
        assert moved[0].weekday() == days[0].weekday()


def test_a_date_of_birth_moves_with_the_other_dates_and_an_unreadable_one_is_masked():
    one = session()
    born = date.fromisoformat(one.of("date", "date_of_birth", "1984-05-12"))
    assert born - date(1984, 5, 12) == date.fromisoformat(one.of("date", "", "2024-05-12")) - date(2024, 5, 12)
    assert one.of("date", "", "the day after") == "[DATE]"


def test_dates_move_by_subject_even_where_values_are_shared_by_the_dataset():
    shifts = {session(str(n), scope="dataset").of("date", "", "2024-03-01") for n in range(12)}
    assert len(shifts) > 6


def test_a_shift_never_turns_one_date_of_a_text_into_another_of_it():
    for n in range(60):
        text = " ".join(date.fromordinal(738000 + 7 * week).isoformat() for week in range(0, 40, 5))
        dates = text.split()
        out = session(str(n)).replace(text, places(text, {"date": dates}))[0]
        assert set(out.split()).isdisjoint(dates)


def test_an_address_keeps_its_lines_and_a_postcode_its_shape():
    one = session()
    assert one.of("address", "", "12 Mill Lane\nLeeds\nLS1 4AB").count("\n") == 2
    assert "\n" not in one.of("address", "", "12 Mill Lane, Leeds LS1 4AB")
    assert re.fullmatch(r"[A-Z]{2}\d \d[A-Z]{2}", one.of("address", "", "LS1 4AB"))
    assert one.of("place", "", "LEEDS").isupper()


def test_a_secret_never_gets_a_surrogate():
    one = session()
    assert one.of("secret", "aws_access_key", "AKIAIOSFODNN7EXAMPLE") == "[SECRET]"
    assert one.planted == ()


def test_what_was_planted_is_left_alone_when_it_returns_in_a_reply():
    one = session()
    out, planted = one.replace(TEXT, places(TEXT, VALUES))
    again = [Place(p.entity, p.kind, p.start, p.end) for p in planted if p.action == "surrogate"]
    text, second = one.replace(out, again)
    assert text == out
    assert {p.action for p in second} == {"known"}


def test_a_surrogate_is_known_in_parts_in_other_case_and_in_other_formats():
    one = session()
    name = one.of("person", "", "Ana Maria López")
    first, middle, last = name.split()
    phone = one.of("phone", "", "+44 7911 123456")
    day = date.fromisoformat(one.of("date", "", "2024-03-01"))
    shown = [name.upper(), first, f"{first}'s", last, f"{first} {last}", f"{first[0]}. {last}", f"{last}, {first}"]
    shown += [
        f"Ms {last}",
        middle,
        phone.replace("+44 ", "0"),
        phone.replace(" ", "-"),
        f"{day:%B} {day.day}, {day.year}",
    ]
    assert [s for s in shown if not one.knows(s)] == []
    assert not any(map(one.knows, ["Ana", "López", "Zebedee", "+44 7911 123456", "2024-03-01", first[:-1]]))


def test_a_restored_session_knows_its_surrogates_and_gives_the_same_again():
    first = session()
    out, planted = first.replace(TEXT, places(TEXT, VALUES))
    later = Surrogates(KEY, "conversation").session("c-1", first.commitments)
    shown = [out[p.start : p.end] for p in planted if p.action == "surrogate"]
    assert all(map(later.knows, shown))
    assert later.replace(TEXT, places(TEXT, VALUES))[0] == out


def test_commitments_hold_no_value_and_mean_nothing_under_another_key_or_scope():
    first = session()
    out, planted = first.replace(TEXT, places(TEXT, VALUES))
    assert all(re.fullmatch(r"[0-9a-f]{32}", c) for c in first.commitments)
    shown = [out[p.start : p.end] for p in planted if p.action == "surrogate"]
    for stranger in (
        Surrogates(OTHER, "conversation").session("c-1", first.commitments),
        Surrogates(KEY, "conversation").session("c-2", first.commitments),
    ):
        assert not any(map(stranger.knows, shown))


def test_a_person_who_bears_a_surrogates_name_is_replaced_where_no_echo_can_be():
    one = session()
    name = one.of("person", "", "Ana López")
    out, planted = one.replace(f"I am {name}", [Place("person", "", 5, 5 + len(name))], echoes=False)
    assert planted[0].action == "surrogate"
    assert name not in out


@pytest.mark.parametrize(("scope", "people"), [("conversation", 5000), ("dataset", 500)])
def test_five_thousand_people_get_five_thousand_surrogates(scope, people):
    source = Faker("en_US")
    source.seed_instance(11)
    names = list(dict.fromkeys(source.name() for _ in range(6000)))
    one = session(scope=scope)
    who: dict[str, str] = {}
    for name in names[:people]:
        person, made = canonical("person", name), one.of("person", "", name)
        assert "[" not in made
        assert set(canonical("person", made).split()).isdisjoint(w for w in person.split() if len(w) > 1)
        assert who.setdefault(canonical("person", made), person) == person


@pytest.mark.parametrize(
    ("entity", "method"),
    [("phone", "phone_number"), ("email", "email"), ("iban", "iban"), ("place", "city"), ("organisation", "company"),
     ("address", "address"), ("mac", "mac_address"), ("ip", "ipv6"), ("url", "uri")],
)  # fmt: skip
def test_no_two_values_share_a_surrogate_and_none_meets_its_own(entity, method):
    source = Faker("en_US")
    source.seed_instance(5)
    values = {canonical(entity, v): v for v in (getattr(source, method)() for _ in range(300))}
    one = session()
    made = [one.of(entity, "", value) for value in values.values()]
    assert not [v for v, m in zip(values.values(), made, strict=True) if v in m]
    assert len({canonical(entity, m) for m in made}) == len(values)


def test_sessions_over_one_dataset_never_give_a_surrogate_twice():
    surrogates = Surrogates(KEY, "dataset")
    made = {surrogates.session(str(n)).of("account", "", f"A{n:03}") for n in range(500)}
    assert len(made) == 500
    one, other = surrogates.session("x"), surrogates.session("y")
    assert one.of("person", "", "Ana López") == other.of("person", "", "ana lópez").title()


def test_a_record_of_the_dataset_does_not_know_the_surrogates_of_others():
    surrogates = Surrogates(KEY, "dataset")
    made = surrogates.session("1").of("person", "", "Ana López")
    assert not surrogates.session("2").knows(made)


def test_spans_that_overlap_are_refused():
    with pytest.raises(ValueError, match="overlaps"):
        session().replace("Ana López", [Place("person", "", 0, 5), Place("person", "", 4, 9)])


@settings(max_examples=150, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.sampled_from(sorted({*VALUES, "organisation", "mac", "url", "national_id", "house"})),
            st.one_of(
                st.sampled_from([v for vs in VALUES.values() for v in vs]),
                st.text(min_size=1, max_size=24),
                st.text("0123456789-+() .:/@ABCabcéß٣１", min_size=1, max_size=24),
            ),
            st.text(max_size=6),
        ),
        max_size=6,
    ),
    st.text(max_size=6),
)
def test_any_text_is_replaced_without_a_crash_with_exact_offsets_and_twice_the_same(pieces, head):
    text, spans = head, []
    for entity, value, after in pieces:
        spans.append(Place(entity, "", len(text), len(text) + len(value)))
        text += value + after
    one = session()
    out, planted = one.replace(text, spans)
    assert between(text, spans) == between(out, planted)
    assert out.startswith(head)
    again = [Place(p.entity, p.kind, p.start, p.end) for p in planted if p.action != "mask"]
    assert one.replace(out, again)[0] == out


def test_surrogates_load_faker_only_when_one_is_drawn():
    heavy = ("faker", "phonenumbers", "stdnum")
    code = f"import sys, curation.surrogates, curation.scrub.ledger; print([m for m in {heavy} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert done.stdout.strip() == "[]"


def test_a_crowd_in_one_record_bears_none_of_its_own_words_and_no_word_twice():
    names = ["Ana López", "Ben Carter", "Carla Diaz", "Dev Patel", "Emma Stone", "Finn Berg", "Grace Lee", "Hugo Marsh"]
    for n in range(25):
        text = "; ".join(names)
        out = session(str(n)).replace(text, places(text, {"person": names}))[0]
        words = out.replace(";", "").split()
        assert len(set(words)) == len(words)
        assert set(words).isdisjoint(text.replace(";", "").split())
