"""Values that are nobody's name: dates, numbers, things, occupations; the tagger learns to leave them alone."""

from collections.abc import Callable
from functools import cache
from random import Random

from curation.tagger import neutral, pools
from curation.tagger.wordlists import DAYS, ENDINGS, LANGUAGES, MONTHS, NATIONALITIES, PRODUCTS, SITES, THINGS


def job(rng: Random) -> str:
    """An occupation."""
    name = rng.choice(pools.jobs())
    return name if rng.random() < 0.5 else name.lower()


def thing(rng: Random) -> str:
    """Something one buys, owns or asks about."""
    return rng.choice(THINGS)


def shouted_thing(rng: Random) -> str:
    """The same in capitals."""
    return rng.choice(THINGS).upper()


def noun(rng: Random) -> str:
    """A thing or notion, mostly from our own lists of ordinary words."""
    names = [theme for theme in neutral.themes() if theme.split()[0] in ("house", "food", "nature", "work,", "music,")]
    return rng.choice(neutral.themes()[rng.choice(names)])


def role(rng: Random) -> str:
    """What somebody is: a role, a relative, an occupation."""
    return rng.choice(neutral.themes()["people and roles"])


def adjective(rng: Random) -> str:
    """How somebody or something is."""
    return rng.choice(neutral.themes()["feelings and character"])


def verb(rng: Random) -> str:
    """What somebody did."""
    return rng.choice(neutral.themes()["verbs in everyday forms"])


def product(rng: Random) -> str:
    """A product with capitals in its name."""
    return rng.choice(PRODUCTS)


def nationality(rng: Random) -> str:
    """Where somebody is from, as an adjective: it points at a person indirectly, and is no name."""
    return rng.choice(NATIONALITIES)


def language(rng: Random) -> str:
    """A language."""
    return rng.choice(LANGUAGES)


def day(rng: Random) -> str:
    """A day, by its name or otherwise."""
    return rng.choice(
        (rng.choice(DAYS), rng.choice(DAYS), "tomorrow", "the weekend", f"{rng.randint(1, 31)} {rng.choice(MONTHS)}")
    )


def month(rng: Random) -> str:
    """A month."""
    return rng.choice(MONTHS)


def year(rng: Random) -> str:
    """A year."""
    return str(rng.randint(1880, 2035))


def date(rng: Random) -> str:
    """A date in one of the usual forms."""
    d, m, y, name = rng.randint(1, 28), rng.randint(1, 12), rng.randint(1930, 2030), rng.choice(MONTHS)
    return rng.choice(
        (
            f"{d}/{m}/{y}",
            f"{y}-{m:02d}-{d:02d}",
            f"{d}.{m}.{y}",
            f"{d} {name} {y}",
            f"{name} {d}, {y}",
            f"{d:02d}-{m:02d}-{y % 100:02d}",
            f"{name[:3]} {d}",
        )
    )


def time(rng: Random) -> str:
    """A time of day."""
    h, m = rng.randint(0, 23), rng.randint(0, 59)
    return rng.choice((f"{h:02d}:{m:02d}", f"{h % 12 + 1}pm", f"{h % 12 + 1}:{m:02d} am", f"{h:02d}:{m:02d}:{m:02d}"))


def number(rng: Random) -> str:
    """A number of any length."""
    return str(rng.randint(1, 10 ** rng.choice((1, 1, 2, 3, 4, 6, 9, 16))))


def amount(rng: Random) -> str:
    """A sum of money."""
    value = f"{rng.randint(1, 9999)}.{rng.randint(0, 99):02d}"
    return rng.choice(
        (f"${value}", f"{value} EUR", f"£{rng.randint(1, 900)}", f"€{value}", value, f"{rng.randint(1, 90)} million")
    )


def order(rng: Random) -> str:
    """An order number."""
    return rng.choice(("ORD-", "#", "", "INV-", "C-", "RMA ")) + str(rng.randint(1000, 9999999))


def email(rng: Random) -> str:
    """An e-mail address: no name to this tagger, its own detector finds it."""
    names = pools.names("en_US")
    first, last = rng.choice(names.first), rng.choice(names.last)
    local = rng.choice(
        (f"{first}.{last}", f"{first}{last}", f"{first[0]}{last}".lower(), f"{first}{rng.randint(1, 99)}".lower())
    )
    return f"{local}@{rng.choice(SITES)}.{rng.choice(ENDINGS)}"


def phone(rng: Random) -> str:
    """A telephone number in one of many writings."""
    form = rng.choice(
        (
            "(###) ###-####",
            "+## ### ######",
            "0### ######",
            "###-###-####",
            "## ## ## ## ##",
            "+1-###-###-####x###",
            "0## #### ####",
            "########",
            "### ## ## ##",
        )
    )
    return "".join(str(rng.randint(0, 9)) if c == "#" else c for c in form)


def url(rng: Random) -> str:
    """A web address."""
    site = f"{rng.choice(SITES)}{rng.choice(THINGS).replace(' ', '')}.{rng.choice(ENDINGS)}"
    return rng.choice(("http://www.", "https://", "www.", "")) + site + rng.choice(("", "/", "/help", "/a/b?id=7"))


def dot(rng: Random) -> str:
    """How a sentence ends."""
    return rng.choice((".", ".", "", "!", "?"))


def _words(locale: str) -> Callable[[Random], str]:
    """Ordinary words of a language in no order: none of them is a name, whatever stands around."""

    def words(rng: Random) -> str:
        chosen = [rng.choice(pools.common(locale)).lower() for _ in range(rng.randint(2, 9))]
        if locale == "de_DE":  # nouns have capitals there, and only the list knows which words are nouns
            chosen = [word.capitalize() if word.capitalize() in _german() else word for word in chosen]
        return " ".join(chosen)

    return words


@cache
def _german() -> frozenset[str]:
    return frozenset(pools.common("de_DE"))


MAKERS: dict[str, Callable[[Random], str]] = {
    "german": _words("de_DE"),
    "french": _words("fr_FR"),
    "spanish": _words("es_ES"),
    "italian": _words("it_IT"),
    "dutch": _words("nl_NL"),
    "polish": _words("pl_PL"),
    "noun": noun,
    "role": role,
    "adj": adjective,
    "verb": verb,
    "job": job,
    "thing": thing,
    "THING": shouted_thing,
    "product": product,
    "nationality": nationality,
    "language": language,
    "day": day,
    "month": month,
    "year": year,
    "date": date,
    "time": time,
    "number": number,
    "amount": amount,
    "order": order,
    "email": email,
    "phone": phone,
    "url": url,
    "dot": dot,
}
