"""A workspace fed with text that attacks: what teachers, judges and raters say, and every name that it lets in."""

import json
from pathlib import Path
from typing import Any

from curation.records import Message
from curation.store.adjudications import Adjudications
from curation.store.gold import GoldItem
from curation.store.gold_judged import Judged
from curation.store.review_records import Criterion, Design, Details, Presentation, Span
from curation.store.store import Store
from curation.store.waves import Rubric, Schedule
from judges.adjudication import AdjudicationService
from judges.gold import GoldService
from judges.gold_batches import carry_out, plan_guideline
from judges.people import PeopleService
from judges.review import ReviewService
from judges.review_files import Claims, import_study
from judges.review_ratings import Reading
from judges.standing import StandingService
from tests.browser.payloads import PAYLOADS
from tests.curation import holding
from tests.curation.running import JSON_ANSWER, run, teacher, write
from tests.curation.scripted import Scripted, chat, said
from tests.dashboard.house import evaluate

ALL = " and ".join(PAYLOADS)
HELD = f"It broke on 2 May 1987. {ALL}"
"""A prompt with a date, which scrubbing holds back for a person."""

PIXEL, PICTURE, TAG, LINK, DIRECTIVE = PAYLOADS[27], PAYLOADS[5], PAYLOADS[7], PAYLOADS[15], PAYLOADS[37]
"""Attacks short enough for a name: pictures of Markdown and of HTML, a tag without a blank, a link, a colour."""
PAIRS, EDITS, MARKS, SCORES, ELSEWHERE = DIRECTIVE, PICTURE, TAG, PIXEL, f"`{PIXEL}"
"""The names of studies: disputed ones of each kind, and one that was rated elsewhere."""
STUDIES = (PAIRS, EDITS, MARKS, SCORES, ELSEWHERE)
STANDING = f"` {PIXEL}"
SET = PIXEL
RATERS = (LINK, PICTURE)
ADDRESS = f"{TAG}@b7.beacon.example"
REASON, COMMENT = f"because {ALL}", f"{PAYLOADS[28]} commented"
EDIT = f"{ALL}, as a rater would have it"
LABELS = (PIXEL, PICTURE)
"""What raters said elsewhere: the words of another house, which become buttons."""


def feed(root: Path) -> Path:
    """Make the workspace; its path."""
    with Scripted(answered) as server:
        asked = [
            teacher("one", server.url, family="alder"),
            teacher("two", server.url, model="scripted-too", family="birch"),
        ]
        protect = "\n[protect]\nngram = 99\n"  # the gold rows are the same attacks, and protect themselves
        toml = "".join(
            [JSON_ANSWER, holding.SCRUB, protect, *asked, judge("strict", server.url), judge("mild", server.url)]
        )
        write(root, toml, [ALL, HELD])
        with Store.open(root) as store:
            GoldService(store).add("gold", gold_rows(), actor=PICTURE, note=PIXEL)
        run(root)
    with Store.open(root) as store:
        evaluate(store, store.versions.head() or "")
        review(store)
        dispute(store)
        rated_elsewhere(store, root / "ratings.jsonl")
        StandingService(store).declare(
            STANDING, Rubric(kind="single", question=ALL, guideline=ALL), Schedule(every_new=1), PICTURE
        )
        StandingService(store).wave(STANDING, PICTURE)
        name_things(store)
    return root


def answered(body: dict[str, Any]) -> dict[str, Any]:
    """A teacher says what it was told; a judge accepts or rejects with what it was told as its reason."""
    text = said(body)
    if body["model"] in ("strict", "mild"):
        asked = json.loads(text.splitlines()[-1])
        verdict = "reject" if body["model"] == "strict" else "accept"
        return chat(json.dumps({"nonce": asked["nonce"], "reason": str(asked["prompt"]), "verdict": verdict}))
    return chat(json.dumps({"intent": "other", "note": f"{body['model']} says {text}"}))


def judge(name: str, url: str) -> str:
    table = teacher(name, url, model=name, family="dogwood", rubric="general")
    return table.replace("[[teachers]]", "[[judges]]")


def gold_rows() -> list[GoldItem]:
    """Rows that people judged, so that the page of the judges has figures; their slices are attacks too."""
    rows: list[GoldItem] = []
    for i, text in enumerate(PAYLOADS):
        answer = json.dumps({"intent": "other", "note": text})
        judged = Judged(
            messages=(Message(role="user", content=text),),
            answers=(answer,),
            verdict="accept" if i % 2 else "reject",
            votes={PAYLOADS[7]: "accept" if i % 2 else "reject"},
        )
        rows.append(GoldItem(id=f"g{i}", text=text, answer={"note": text}, slice=PAYLOADS[i % 4], judged=judged))
    return rows


def review(store: Store) -> None:
    """A closed study with a vote, and one that waits for votes."""
    reviews = ReviewService(store)
    reviews.create("closed", kind="single", n=2, overlap=1)
    for item in reviews.next("closed", "ana", 10):
        reviews.vote(item.token, "ana", "reject", f"wrong: {item.prompt}", 2000)
    reviews.close("closed")
    reviews.create("open", kind="pairwise", n=1, overlap=1)


# --- people who disagree ----------------------------------------------------------------------------------------


def dispute(store: Store) -> None:
    """A study of each kind whose items are all disputed; the scored one is settled in part, and closed."""
    scale = Criterion(name=PIXEL, question=ALL, anchors=(PIXEL, PICTURE, LINK))
    _opened(store, PAIRS, "pairwise", Design(), ("a", "b"))
    _opened(store, EDITS, "edit", Design(), ("edit", "accept"))
    _opened(store, MARKS, "spans", Design(tags=(TAG, PIXEL)), ("marked", "clean"))
    _opened(store, SCORES, "single", Design(criteria=(scale,)), ("accept", "reject"))
    service = AdjudicationService(store)
    first = service.queue(SCORES, TAG)[0]
    service.decide(first.token, TAG, "reject", "bad item", PIXEL, promote_to=SET)
    ReviewService(store).close(SCORES, PICTURE)
    assert len(Adjudications(store.state).standing(SCORES)) == 1


def _opened(store: Store, name: str, kind: Any, design: Design, choices: tuple[str, str]) -> None:
    reviews = ReviewService(store)
    reviews.create(
        name, kind=kind, n=2, overlap=2, raters=RATERS, question=ALL, guideline=ALL, design=design, actor=PICTURE
    )
    for rater, choice in zip(RATERS, choices, strict=True):
        for item in reviews.next(name, rater, 10):
            given = choice if item.b is None else _one_of(item, first=rater == RATERS[0])
            reviews.vote(item.token, rater, given, REASON, 2500, details=_details(item, given, design))


def _one_of(item: Presentation, *, first: bool) -> str:
    """The same answer in whatever pane it stands: the first of the two by their letters, or the other."""
    return "a" if (item.a < (item.b or "")) == first else "b"


def _details(item: Presentation, choice: str, design: Design) -> Details:
    return Details(
        comment=COMMENT,
        scores={c.name: 2 for c in design.criteria},
        edit=EDIT if choice == "edit" else None,
        spans=(Span(pane="a", start=0, end=len(item.a), tag=TAG),) if choice == "marked" else (),
    )


def rated_elsewhere(store: Store, file: Path) -> None:
    """Finished ratings in labels of their own; teachers, raters, labels and what was settled on are attacks."""
    rows = [
        {
            "item": f"i{k}",
            "prompt": ALL,
            "a": f"{ALL} {k}",
            "rater": rater,
            "choice": LABELS[(k + n) % 2],
            "reason": REASON,
            "first_teacher": PIXEL,
            **({"final": LABELS[0]} if k else {}),
        }
        for k in range(2)
        for n, rater in enumerate(RATERS)
    ]
    reading, asked = Reading(choices={label: label for label in LABELS}), Claims(question=ALL)
    file.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    import_study(store, file, ELSEWHERE, reading, asked, actor=PICTURE)
    plain = [{**row, "choice": "accept" if n % 2 else "reject", "final": None} for n, row in enumerate(rows)]
    file.write_text("".join(json.dumps(row) + "\n" for row in plain), encoding="utf-8")
    import_study(store, file, f"{ELSEWHERE} accepted", claims=asked, actor=PICTURE)


def name_things(store: Store) -> None:
    """People, invites, and a gold set of two versions with a guideline, all of them named by attackers."""
    people = PeopleService(store)
    people.add(ADDRESS, ["curator"], PICTURE)
    people.invite(PAIRS, PICTURE, actor=PICTURE)
    people.invite("open", PIXEL, actor=LINK)
    gold = GoldService(store)
    gold.add(SET, gold_rows()[:3], actor=PICTURE, note=PIXEL)
    gold.add(SET, [gold_rows()[0].model_copy(update={"answer": {"note": ALL}})], actor=TAG, note=DIRECTIVE)
    carry_out(store, plan_guideline(store, SET, ALL), LINK)
