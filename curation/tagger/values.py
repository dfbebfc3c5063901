"""Makes the value of a slot: a person, a place, an organisation, or something that is nobody's name."""

import random
import zlib
from collections.abc import Callable, Iterable, Sequence
from functools import cached_property
from typing import Literal

from curation.tagger import pools
from curation.tagger.wordlists import (
    ABOUT,
    BOXES,
    BRAND_ENDINGS,
    BRANDS,
    CITIES,
    FIELDS,
    PARTICLES,
    REGIONS,
    SHIPS,
    STAGE_NAMES,
    STREET_FORMS,
    SUFFIXES,
    SYLLABLES,
    TRADES,
    UNITS,
)

Part = Literal["train", "held_out"]


def held_out(value: str) -> bool:
    """Whether a value is kept for the held-out figures (one in eight)."""
    return zlib.crc32(value.encode()) % 8 == 0


class Values:
    """Draws values; `part` says whether from those the tagger is taught with or from those kept back."""

    def __init__(self, rng: random.Random, part: Part, words: Sequence[str], phrases: Sequence[str]) -> None:
        """`words` are ordinary words and `phrases` ordinary clauses, both of neutral text."""
        self.rng = rng
        self.part: Part = part
        self.words = words
        self.phrases = phrases
        self.makers: dict[str, Callable[[], str]] = {
            name.removeprefix("a_"): getattr(self, name) for name in dir(type(self)) if name.startswith("a_")
        }

    def _kept(self, values: Iterable[str]) -> list[str]:
        wanted = self.part == "held_out"
        values = list(values)
        return [value for value in values if held_out(value) == wanted] or values

    def _either(self, *choices: tuple[float, Callable[[], str]]) -> str:
        weights, makers = zip(*choices, strict=True)
        return self.rng.choices(makers, weights)[0]()

    @cached_property
    def _names(self) -> dict[str, pools.Names]:
        locales = {*pools.ENGLISH, *pools.LATIN, *pools.OTHER}
        return {
            x: pools.Names(self._kept(pools.names(x).first), self._kept(pools.names(x).last)) for x in sorted(locales)
        }

    def _locale(self) -> str:
        group = self.rng.choices((pools.ENGLISH, pools.LATIN, pools.OTHER), (0.47, 0.46, 0.07))[0]
        return self.rng.choice(group)

    @cached_property
    def _towns(self) -> list[str]:
        return self._kept(pools.towns())

    @cached_property
    def _familiar(self) -> list[str]:
        return self._kept([*CITIES, *pools.zones()])

    @cached_property
    def _countries(self) -> list[str]:
        return pools.countries()

    # people

    def a_first(self) -> str:
        """A given name, now and then two."""
        name = self.rng.choice(self._names[self._locale()].first)
        if self.rng.random() < 0.02:
            name += self.rng.choice("- ") + self.rng.choice(self._names["fr_FR"].first)
        return name

    def a_last(self) -> str:
        """A family name, now and then with a particle or of two parts."""
        locale = self._locale()
        name = self.rng.choice(self._names[locale].last)
        roll = self.rng.random()
        if roll < 0.04 and name.isalpha():
            particle = self.rng.choice(PARTICLES)
            return particle + (name if particle[-1] in "'c" else " " + name)
        return f"{name}-{self.rng.choice(self._names[locale].last)}" if roll < 0.07 else name

    def a_full(self) -> str:
        """Given and family name of one locale, in the forms people write."""
        locale = self._locale()
        first, last = self.rng.choice(self._names[locale].first), self.rng.choice(self._names[locale].last)
        if self.rng.random() < 0.12:  # people marry across borders
            last = self.a_last()
        roll = self.rng.random()
        if roll < 0.06:
            return f"{first} {self.rng.choice(self._names[locale].first)} {last}"
        if roll < 0.10:
            return f"{first} {self.rng.choice('ABCDEFGHJKLMPRSTW')}. {last}"
        if roll < 0.12:
            return f"{first[0]}. {last}"
        if roll < 0.14:
            return f"{last} {first}"
        return f"{first} {last}"

    def a_person(self) -> str:
        """A person as texts mention them."""
        name = self._either((0.5, self.a_full), (0.3, self.a_first), (0.2, self.a_last))
        return f"{self.rng.choice(STAGE_NAMES)} {name}" if self.rng.random() < 0.01 else name

    # places

    def a_city(self) -> str:
        """A town or village."""
        city = self._either((0.5, self._town), (0.25, self._well_known), (0.25, self._made_up))
        return city.upper() if self.rng.random() < 0.05 else city

    def _town(self) -> str:
        return self.rng.choice(self._towns)

    def _well_known(self) -> str:
        return self.rng.choice(self._familiar)

    def _made_up(self) -> str:
        return self.rng.choice(pools.streets(self._address_locale()).city)

    def a_country(self) -> str:
        """A country, mostly in English."""
        if self.rng.random() < 0.15:
            return self.rng.choice(pools.streets(self._address_locale()).country).split(" (")[0]
        return self.rng.choice(self._countries)

    def a_region(self) -> str:
        """A state, province or county."""
        return (
            self.rng.choice(pools.streets(self._address_locale()).region or REGIONS)
            if self.rng.random() < 0.6
            else self.rng.choice(REGIONS)
        )

    def a_place(self) -> str:
        """Any place that is not a postal address."""
        return self._either((0.6, self.a_city), (0.3, self.a_country), (0.1, self.a_region))

    # addresses, part by part: the formats put them together

    def _address_locale(self) -> str:
        return self.rng.choice(pools.ADDRESSED if self.rng.random() < 0.95 else pools.ADDRESSED_OTHER)

    def a_no(self) -> str:
        """A house number."""
        number = self.rng.randint(1, 10 ** self.rng.choice((1, 2, 2, 3, 3, 4, 5)))
        tail = self.rng.choices(
            ("", self.rng.choice("abcdABC"), f"/{self.rng.randint(1, 99)}", f"-{number + 2}"), (88, 6, 3, 3)
        )[0]
        return f"{'0' if self.rng.random() < 0.05 else ''}{number}{tail}"

    def a_road(self) -> str:
        """A street's name."""
        return self._either((0.55, self._drawn_road), (0.35, self._composed_road), (0.1, self._odd_road))

    def _drawn_road(self) -> str:
        return self.rng.choice(self._kept(pools.streets(self._address_locale()).road))

    def _composed_road(self) -> str:
        form = self.rng.choice(STREET_FORMS)
        name = self._either((0.4, self.a_last), (0.2, self.a_first), (0.2, self._town), (0.2, self.a_Caps))
        return form.replace("*", name if " " in form or "'" in name else name.replace(" ", ""))

    def _odd_road(self) -> str:
        """A street that no word gives away."""
        return self._either((0.4, self._town), (0.3, self.a_full), (0.3, self.a_last))

    def a_unit(self) -> str:
        """A flat, floor or suite."""
        drawn = pools.streets(self._address_locale()).unit
        if drawn and self.rng.random() < 0.4:
            return self.rng.choice(drawn)
        word = self.rng.choice(UNITS)
        number = self.rng.randint(1, 10 ** self.rng.choice((1, 2, 3)))
        return f"{word}{'' if word == '#' else ' '}{number}{self.rng.choice(('', '', '', 'A', 'b'))}"

    def a_box(self) -> str:
        """A post box."""
        return f"{self.rng.choice(BOXES)} {self.rng.randint(1, 10 ** self.rng.choice((2, 3, 4, 5)))}"

    def a_zip(self) -> str:
        """A postcode."""
        return self.rng.choice(pools.streets(self._address_locale()).postcode)

    def a_abbr(self) -> str:
        """A region's letters."""
        return self.rng.choice(
            pools.streets(self._address_locale()).abbreviation or pools.streets("en_US").abbreviation
        )

    def a_military(self) -> str:
        """A forces' post office."""
        first, second = self.rng.randint(100, 99999), self.rng.randint(100, 9999)
        unit = self.rng.choice(
            (
                f"PSC {second}, Box {first % 9999}",
                f"Unit {first} Box {second}",
                *(f"{x} {self.a_last()}" for x in SHIPS),
            )
        )
        office, area = self.rng.choice(("APO", "FPO", "DPO")), self.rng.choice(("AA", "AE", "AP"))
        return f"{unit}{self.rng.choice((chr(10), ', '))}{office} {area} {self.rng.randint(9000, 99999):05d}"

    # organisations

    def a_org(self) -> str:
        """A firm, authority, school, club or band."""
        name = self._either(
            (0.22, self._firm),
            (0.28, self._brand),
            (0.2, self._trade),
            (0.14, self._institution),
            (0.08, self._partners),
            (0.08, self._famous),
        )
        roll = self.rng.random()
        return name.upper() if roll < 0.03 else name

    def _firm(self) -> str:
        return self.rng.choice(pools.firms(self.rng.choice(pools.FOUNDED)))

    def _brand(self) -> str:
        made = "".join(self.rng.choice(SYLLABLES) for _ in range(self.rng.choice((2, 2, 3)))).capitalize()
        two = self.rng.choice(self.words).capitalize() + self.rng.choice(self.words)
        name = self.rng.choice((made, two, two, self.a_Caps() + self.rng.choice(BRAND_ENDINGS)))
        tail = self.rng.choices(("", " " + self.rng.choice(FIELDS), " " + self.rng.choice(SUFFIXES)), (55, 25, 20))[0]
        return name + tail

    def _trade(self) -> str:
        head = self._either((0.3, self.a_Caps), (0.25, self._town), (0.25, self.a_last), (0.2, self._two_caps))
        return f"{head} {self.rng.choice((*FIELDS, *TRADES))}" + (
            f" {self.rng.choice(SUFFIXES)}" if self.rng.random() < 0.2 else ""
        )

    def _two_caps(self) -> str:
        return f"{self.a_Caps()} {self.a_Caps()}"

    def _institution(self) -> str:
        form = self.rng.choice(ABOUT)
        return form.format(
            city=self._either((0.5, self._town), (0.5, self._well_known)),
            country=self.a_country(),
            last=self.a_last(),
            caps=self.a_Caps(),
            field=self.rng.choice(FIELDS),
        )

    def _partners(self) -> str:
        a, b, c = self.a_last(), self.a_last(), self.a_last()
        return self.rng.choice(
            (
                f"{a}, {b} and {c}",
                f"{a}-{b}",
                f"{a} and {b}",
                f"{a} & {b}",
                f"{a}, {b} & {c}",
                f"{a} and Sons",
                f"{a} & Co",
                f"{a} {self.rng.choice(SUFFIXES)}",
            )
        )

    def _famous(self) -> str:
        return self.rng.choice(BRANDS)

    # what is nobody's name

    def a_Caps(self) -> str:
        """An ordinary word with a capital."""
        return self.rng.choice(self.words).capitalize()

    def a_word(self) -> str:
        """An ordinary word."""
        return self.rng.choice(self.words)

    def a_phrase(self) -> str:
        """An ordinary clause."""
        if self.rng.random() < 0.4:
            return " ".join(self.rng.choice(self.words) for _ in range(self.rng.randint(3, 9)))
        return self.rng.choice(self.phrases)

    def a_Phrase(self) -> str:
        """An ordinary clause with a capital."""
        phrase = self.a_phrase()
        return phrase[:1].upper() + phrase[1:]

    def a_title(self) -> str:
        """The title of a song, film or page."""
        small = (" ", " ", " ", " of the ", " and ", " in the ", " to ")
        words = [self.a_Caps() for _ in range(self.rng.randint(1, 4))]
        text = words[0]
        for word in words[1:]:
            text += self.rng.choice(small) + word
        return self.rng.choice(("", "", "The ", "A ")) + text
