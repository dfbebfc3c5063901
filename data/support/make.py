"""Makes the generated files of the shipped support task from the hand-written sources beside it, byte for byte.

Run `python data/support/make.py` from the repository; every choice is drawn from SEED and the identity of the row.
"""

import json
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent.parent))

from curation.records import draw  # noqa: E402 - found through the line above, also where nothing is installed

SEED = 20260
Row = dict[str, Any]
ORDER_BOUND = frozenset(
    ("order_status", "delivery_problem", "wrong_item", "damaged_item", "warranty_claim", "return_request",
     "refund_status", "cancel_order", "change_order")
)  # fmt: skip
COUNTS = {
    "order_status": 130, "delivery_problem": 110, "wrong_item": 95, "damaged_item": 100, "warranty_claim": 90,
    "return_request": 110, "refund_status": 105, "cancel_order": 95, "change_order": 95, "billing_problem": 100,
    "account_access": 95, "product_question": 100, "other": 55,
}  # fmt: skip
CONFUSABLE = {
    "order_status": ("delivery_problem", "refund_status", "change_order"),
    "delivery_problem": ("order_status", "wrong_item", "damaged_item"),
    "wrong_item": ("damaged_item", "return_request", "delivery_problem"),
    "damaged_item": ("warranty_claim", "wrong_item", "return_request"),
    "warranty_claim": ("damaged_item", "product_question", "return_request"),
    "return_request": ("refund_status", "wrong_item", "cancel_order"),
    "refund_status": ("return_request", "billing_problem", "cancel_order"),
    "cancel_order": ("change_order", "return_request", "refund_status"),
    "change_order": ("cancel_order", "order_status", "delivery_problem"),
    "billing_problem": ("refund_status", "account_access", "order_status"),
    "account_access": ("billing_problem", "other", "change_order"),
    "product_question": ("order_status", "other", "warranty_claim"),
    "other": ("product_question", "account_access", "order_status"),
}
HARD = frozenset(
    ("two_intents", "contradiction", "two_orders", "confusable", "injection", "unclear", "bad_order", "hedged")
)
SLOTS = {
    "product": "coffee machine|office chair|desk lamp|rain jacket|running shoes|bluetooth speaker|air fryer|backpack|"
    "electric kettle|bookshelf|vacuum cleaner|wall clock|garden hose|baby monitor|sleeping bag|hair dryer|phone case|"
    "board game|rice cooker|yoga mat|bike helmet|camping stove|winter coat|tablet|sewing machine|curtain rail",
    "product2": "toaster|floor lamp|hiking boots|keyboard|blender|picture frame|duvet cover|thermos flask|mouse",
    "ago": "last week|on Monday|ten days ago|two weeks ago|on the 4th|last Friday",
    "day": "Tuesday|Thursday|Saturday|the 12th|the 21st|Wednesday",
    "days": "three|five|seven|ten|12",
    "months": "three|five|eight|ten|14|18",
    "amount": "24.90 euros|59 euros|112.50|35 pounds|€80|18.99",
    "city": "Berlin|Leeds|Porto|Lyon|Vienna|Gdansk|Cork|Utrecht",
    "street": "7 Garden Road|22 Station Street|15 Park Avenue|3 Church Lane",
    "number": "two|three|14|26",
    "name": "Emma Novak|Peter Lang|Aisha Rahman|Carlos Vega|Julie Moreau|Tom Baker|Yuki Tan|Olga Petrenko",
    "thing": "espresso grinder|stroller|tent|standing desk|headset|duvet|food processor|e-scooter|cordless drill|"
    "wok|ski jacket|aquarium pump|printer|toddler bed|trampoline|smartwatch|garden bench|bread maker|robot mop",
    "thing2": "casserole|laptop sleeve|rain trousers|router|bedside table|pepper mill|flip flops|umbrella",
    "when": "three sundays back|on the 28th|the day after easter|during the sale|in the first week of the month",
    "place": "Graz|Aarhus|Brno|Nantes|Cádiz|Norwich|Kiel|Liège",
    "sign": "R. Okoye|Trudi|Marek W.|Ana-Lucía|Björn|Mrs Pemberton|jojo|S. Abdi|Claire D.|old Fred",
    "person": "my goddaughter|our trainee|grandma|my boss|the neighbour",
    "mail": "trudi.k@example.com|marek@example.org|r.okoye@example.net|claire.d@example.com",
    "phone": "202-555-0120|(202) 555-0163|+1 202 555 0198",
    "stamp": "Tue, 3 Nov 18:22|12.10. 07:58|Fri 30 Oct 23:41|9 Sept 13:05",
}
GREETINGS = ("Hello,", "Hi,", "Dear support,", "Good morning,", "Hi team,", "Dear Sir or Madam,", "Hey,")
CLOSINGS = ("Thanks!", "Thank you.", "Kind regards", "Best regards, <name>", "Regards, <name>", "Many thanks, <name>")
CONTACTS = (
    "You can write to <reach>@example.com.", "My phone number is 202-555-01<two>.", "Call me on +1 202-555-01<two>.",
    "My e-mail address is <reach>@example.org.", "I paid with card 4111 1111 1111 1111.", "My IP is 198.51.100.<two>.",
)  # fmt: skip
MENTIONS = (
    "My order number is <order>.", "The order is <order>.", "Order number: <order>", "It is about order <order>.",
    "(Order <order>)", "<order> is the order.",
)  # fmt: skip
URGENT = ("It is very urgent, I need it tomorrow.", "This is the third time I am writing about this.",
          "Please answer today, I leave tomorrow morning.")  # fmt: skip
CALM = ("There is no hurry.", "It is not urgent.", "Take your time with the answer.")


class Dice:
    """A stream of draws that depends on nothing but the identity it was made for."""

    def __init__(self, *identity: str | int) -> None:
        self._identity, self._n = identity, 0

    def roll(self) -> float:
        """The next number in [0, 1)."""
        self._n += 1
        return draw(SEED, *self._identity, self._n)

    def chance(self, p: float) -> bool:
        """True with probability p."""
        return self.roll() < p

    def pick(self, choices: Sequence[str]) -> str:
        """One of the choices."""
        return choices[int(self.roll() * len(choices))]


def sections(name: str) -> dict[str, list[str]]:
    """The lines of a source file under their [heading]."""
    found: dict[str, list[str]] = {}
    for line in (HERE / "source" / name).read_text(encoding="utf-8").splitlines():
        if line.startswith("[") and line.endswith("]") and " " not in line:
            found[line[1:-1]] = []
        elif line.strip() and not line.startswith("#"):
            found[list(found)[-1]].append(line)
    return found


def fill(text: str, dice: Dice, order: str = "") -> str:
    """{a|b} chosen, <slot> filled, \\n made a line break."""
    text = re.sub(r"\{([^{}]*)\}", lambda m: dice.pick(m[1].split("|")), text)
    text = text.replace("<order>", order).replace("\\n", "\n")
    text = text.replace("<two>", f"{int(dice.roll() * 100):02d}")
    text = re.sub(r"<reach>", lambda _: dice.pick(SLOTS["name"].split("|")).lower().replace(" ", "."), text)
    return re.sub(r"<(\w+)>", lambda m: dice.pick(SLOTS[m[1]].split("|")), text)


def marked(core: str) -> tuple[str, str, bool]:
    """A core without its mark, its urgency, and whether it is a general question."""
    urgency = {"!": "high", "~": "low"}.get(core[0], "normal")
    return core.lstrip("!~="), urgency, core.startswith("=")


def mistyped(text: str, dice: Dice, rate: float) -> str:
    """Letters lost, doubled or swapped in a share of the words; words with anything but letters stay as they are."""
    return re.sub(
        r"(?<![\w@.<-])[^\W\d_]{4,}(?![\w@.-])", lambda m: _typo(m[0], dice) if dice.chance(rate) else m[0], text
    )


def _typo(word: str, dice: Dice) -> str:
    i = 1 + int(dice.roll() * (len(word) - 2))
    spoiled = (
        word[:i] + word[i + 1 :],
        word[:i] + word[i] + word[i:],
        word[:i] + word[i + 1] + word[i] + word[i + 2 :],
    )
    return dice.pick(spoiled)


def order_number(dice: Dice) -> str:
    """A made-up order number."""
    return f"ORD-{100000 + int(dice.roll() * 900000)}"


def answer(intent: str, urgency: str, order: str | None, clarify: bool, dice: Dice) -> Row:
    """The whole right answer, with a reply that fits it."""
    lines = sections("replies.txt")[intent]
    fitting = [x.lstrip("?") for x in lines if x.startswith("?") == clarify and ("<order>" not in x or order)]
    reply = fill(dice.pick(fitting), dice, order or "")
    return {"intent": intent, "urgency": urgency, "order_id": order, "needs_clarification": clarify, "reply": reply}


# --- prompts -------------------------------------------------------------------------------------------------------


def generated_prompts() -> Iterator[Row]:
    """Prompts put together from phrases: the clean part of the traffic."""
    phrases = sections("prompt_phrases.txt")
    for intent, count in COUNTS.items():
        for i in range(count):
            yield _generated(intent, i, phrases)


def _generated(intent: str, i: int, phrases: dict[str, list[str]]) -> Row:
    dice = Dice("prompt", intent, i)
    which = i % len(phrases[intent])
    core, urgency, general = marked(phrases[intent][which])
    bound = intent in ORDER_BOUND and not general
    named = dice.chance(0.78 if bound else 0.3 if intent == "billing_problem" else 0)
    order = order_number(dice) if named else None
    slices: list[str] = []
    parts = [dice.pick(GREETINGS)] if dice.chance(0.6) else []
    mention = [dice.pick(MENTIONS)] if named else []
    parts += [*mention, core] if dice.chance(0.3) else [core, *mention]
    if urgency == "normal" and intent != "other" and dice.chance(0.16):
        urgency = "high" if dice.chance(0.6) else "low"
        parts.append(dice.pick(URGENT if urgency == "high" else CALM))
    confusable = list(CONFUSABLE[intent])
    if intent != "other" and dice.chance(0.06):
        second = dice.pick([x for x in COUNTS if x not in (intent, "other")])
        parts.append(f"One more thing, less important: {marked(dice.pick(phrases[second]))[0]}")
        confusable, slices = [second, *(x for x in confusable if x != second)], ["two_intents"]
    if dice.chance(0.09):
        parts.append(dice.pick(CONTACTS))
        slices.append("personal_data")
    parts += [dice.pick(CLOSINGS)] if dice.chance(0.5) else []
    text = fill(" ".join(parts), dice, order or "")
    if dice.chance(0.12):
        text, slices = mistyped(text, dice, 0.18), [*slices, "typo"]
    difficulty = 0.1 + 0.4 * dice.roll() + 0.25 * ("two_intents" in slices) + 0.1 * ("typo" in slices)
    return {
        "id": f"g-{intent}-{i:03d}", "text": text, "group": f"t-{intent}-{which:02d}", "tags": ["generated", *slices],
        "answer": answer(intent, urgency, order, bound and not named, dice), "difficulty": round(difficulty, 3),
        "confusable": confusable,
    }  # fmt: skip


def written(name: str, prefix: str) -> Iterator[Row]:
    """The messages of a hand-written file, labelled as written there."""
    lines = (HERE / "source" / name).read_text(encoding="utf-8").splitlines()
    for i, line in enumerate((x for x in lines if x and not x.startswith("#")), 1):
        intent, urgency, order, clarify, slices, text = line.split(" | ", 5)
        dice, tags = Dice(prefix, i), slices.split(",")
        difficulty = 0.45 + 0.2 * dice.roll() + (0.25 if HARD & set(tags) else 0) + 0.05 * (len(tags) > 1)
        yield {
            "id": f"{prefix}-{i:03d}", "text": text.replace("\\n", "\n"), "group": f"{prefix}-{i:03d}", "tags": tags,
            "answer": answer(intent, urgency, None if order == "-" else order, clarify == "y", dice),
            "difficulty": round(difficulty, 3), "confusable": list(CONFUSABLE[intent]),
        }  # fmt: skip


def repeated(rows: Sequence[Row]) -> Iterator[Row]:
    """Messages sent twice: the same words in another case or spacing, as impatient customers do."""
    manners: tuple[Callable[[str], str], ...] = (str.lower, lambda t: t.replace(". ", ".  ") + " ", lambda t: t + "!!")
    for i in range(24):
        dice = Dice("again", i)
        row = rows[int(dice.roll() * len(rows))]
        text = manners[i % 3](row["text"]) if "ORD-" not in row["text"] else manners[1 + i % 2](row["text"])
        yield {**row, "id": f"again-{i:02d}", "text": text, "tags": [*row["tags"], "repeated"]}


def leaked(gold: Sequence[Row]) -> Iterator[Row]:
    """Eight gold messages that got into the prompts: planted, so that the protected-set check has something to find."""
    long = [r for r in gold if len(r["text"].split()) >= 12]
    for i in range(8):
        row = long[int(Dice("leak", i).roll() * len(long) / 8) + i * len(long) // 8]
        yield {**row, "id": f"leak-{i}", "group": f"leak-{i}", "text": f"Hello, {row['text']}", "tags": ["leaked_gold"]}


# --- holdout -------------------------------------------------------------------------------------------------------


def holdout() -> Iterator[Row]:
    """800 messages of some 230 customers, each with a manner of writing that shows in all of theirs."""
    phrases, noise = sections("holdout_phrases.txt"), sections("holdout_noise.txt")
    intents = [x for intent, n in COUNTS.items() for x in [intent] * (n // 5)]
    seen: set[str] = set()  # no message twice
    cluster = made = 0
    while made < 800:
        persona = Dice("customer", cluster)
        size = 1 + int(persona.roll() ** 2 * 9)
        manner = {
            "language": persona.pick(["", "", "", "", "", "de", "es", "fr"]),
            "typos": persona.pick(["", "", "0.05", "0.12", "0.25"]),
            "case": persona.pick(["", "", "", "lower", "lower", "upper"]),
            "shape": persona.pick(["plain", "plain", "forwarded", "fragment", "long", "long"]),
        }
        for i in range(min(size, 800 - made)):
            row = _messy(Dice("holdout", cluster, i), manner, phrases, noise, intents)
            if row["text"] in seen:
                continue
            seen.add(row["text"])
            yield {"id": f"h-{made:03d}", "text": row["text"], "cluster": f"c-{cluster:03d}", **row}
            made += 1
        cluster += 1


def _messy(dice: Dice, manner: dict[str, str], phrases: dict[str, list[str]], noise: dict[str, list[str]],
           intents: Sequence[str]) -> Row:  # fmt: skip
    intent = dice.pick(intents)
    core, urgency, general = marked(dice.pick(phrases[intent]))
    bound = intent in ORDER_BOUND and not general
    language, shape, slices = manner["language"], manner["shape"], [manner["shape"]]
    order = order_number(dice) if dice.chance(0.7 if bound else 0.15 if intent == "billing_problem" else 0) else None
    mention = (
        [dice.pick(noise["order"])] if order else [dice.pick(noise["bad_order"])] if bound and dice.chance(0.3) else []
    )
    body = [*mention, core] if dice.chance(0.4) else [core, *mention]
    remarks = {"fragment": 0, "long": 2, "forwarded": 1}.get(shape, int(dice.roll() * 2))
    for _ in range(remarks):
        side = dice.pick(noise[f"side_{language}" if language and dice.chance(0.5) else "side"])
        if side not in body:
            body.insert(int(dice.roll() * (len(body) + 1)), side)
    if urgency == "normal" and intent != "other" and dice.chance(0.14):
        urgency = "high" if dice.chance(0.6) else "low"
        body.append(dice.pick(noise["urgent" if urgency == "high" else "calm"]))
    if shape != "fragment":
        opener = f"opener_{language}" if language and dice.chance(0.7) else "opener"
        closing = f"closing_{language}" if language and dice.chance(0.6) else "closing"
        body = [*([dice.pick(noise[opener])] if dice.chance(0.6) else []), *body]
        body += [dice.pick(noise[closing])] if dice.chance(0.6) else []
    text = fill(dice.pick([" ", " ", ". ", "\\n", " ... "]).join(body), dice, order or "")
    text = f"{fill(dice.pick(noise['forward']), dice)}{text}" if shape == "forwarded" else text
    text = mistyped(text, dice, float(manner["typos"] or 0))
    text = _cased(text, manner["case"])
    slices += [x for x in ("typo" * bool(manner["typos"]), "mixed_language" * bool(language)) if x]
    slices += ["missing_order"] if bound and not order else []
    return {"text": text, "answer": answer(intent, urgency, order, bound and not order, dice), "slices": slices}


def _cased(text: str, case: str) -> str:
    """Lower or upper case throughout, order numbers and addresses as they are."""
    change = {"lower": str.lower, "upper": str.upper}.get(case, str)
    parts = re.split(r"(ORD-\d+|\S+@\S+)", text)
    return "".join(part if i % 2 else change(part) for i, part in enumerate(parts))


# --- judged ----------------------------------------------------------------------------------------------------------

FAULTS = (*["intent"] * 5, "order_id", "order_id", "urgency", "needs_clarification", "reply")
"""What a rejected answer gets wrong; the intent most often, as teachers do."""
PROMISES = (
    "Your money is already on its way and will be there tomorrow.", "We guarantee a new one by Friday.",
    "We have paid you 50 euros for the trouble.", "The carrier has admitted the fault.",
)  # fmt: skip


def judged(gold: Sequence[Row]) -> Iterator[Row]:
    """An answer to every gold message, right or with one planted fault, and so accepted or rejected."""
    for row in gold:
        dice = Dice("judged", row["id"])
        right = {**row["answer"], "reply": dice.pick([g for g in gold if _alike(g, row)])["answer"]["reply"]}
        shown = right if dice.chance(0.5) else _spoiled(right, row, gold, dice)
        yield {
            "id": row["id"].replace("gold", "judged"),
            "text": row["text"],
            "answer": row["answer"],
            "shown": json.dumps(shown, ensure_ascii=False),
            "verdict": "accept" if shown == right else "reject",
            "slice": row["tags"][0],
        }


def _alike(one: Row, other: Row) -> bool:
    """Whether a reply to one message could be sent to the other."""
    same = all(one["answer"][k] == other["answer"][k] for k in ("intent", "needs_clarification"))
    return one is other or (same and "ORD-" not in one["answer"]["reply"])


def _spoiled(right: Row, row: Row, gold: Sequence[Row], dice: "Dice") -> Row:
    order = right["order_id"]
    match dice.pick([f for f in FAULTS if f != "order_id" or order]):
        case "order_id":
            return {**right, "order_id": None if dice.chance(0.5) else order[:-2] + order[-1] + order[-2]}
        case "urgency":
            return {**right, "urgency": dice.pick([u for u in ("low", "normal", "high") if u != right["urgency"]])}
        case "needs_clarification":
            return {**right, "needs_clarification": not right["needs_clarification"]}
        case "reply":
            return {**right, "reply": f"{right['reply']} {dice.pick(PROMISES)}"}
        case _:
            intent = dice.pick(CONFUSABLE[right["intent"]])
            donors = [g["answer"]["reply"] for g in gold if g["answer"]["intent"] == intent]
            return {**right, "intent": intent, "reply": dice.pick(donors)}


# --- files -----------------------------------------------------------------------------------------------------------


def files() -> dict[str, str]:
    """Every generated file with its content."""
    gold = list(written("gold.txt", "gold"))
    hand = [{**r, "tags": ["handwritten", *r["tags"]]} for r in written("handwritten.txt", "hand")]
    rows = [*generated_prompts(), *hand]
    rows = [*rows, *repeated(rows), *leaked(gold)]
    rows.sort(key=lambda r: draw(SEED, "order", r["id"]))
    return {
        "prompts.jsonl": _lines({k: r[k] for k in ("id", "text", "group", "tags")} for r in rows),
        "answer_key.jsonl": _lines(
            {k: r[k] for k in ("id", "text", "answer", "difficulty", "confusable")} for r in rows
        ),
        "gold.jsonl": _lines(
            {"id": r["id"], "text": r["text"], "answer": r["answer"], "slice": r["tags"][0]} for r in gold
        ),
        "judged.jsonl": _lines(judged(gold)),
        "holdout.jsonl": _lines(holdout()),
    }


def _lines(rows: Iterable[Row]) -> str:
    return "".join(json.dumps(r, ensure_ascii=False) + "\n" for r in rows)


if __name__ == "__main__":
    for name, content in files().items():
        (HERE / name).write_text(content, encoding="utf-8")
