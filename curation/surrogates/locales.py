"""Where a value comes from, by its script, its letters and the text around it; and what Faker has for that locale."""

import threading
import unicodedata
from collections import Counter
from collections.abc import Callable
from functools import cache
from random import Random
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from faker import Generator

DEFAULT = "en_US"
OF_LANGUAGE = {
    "en": "en_US", "de": "de_DE", "fr": "fr_FR", "es": "es_ES", "it": "it_IT", "pt": "pt_BR", "nl": "nl_NL",
    "sv": "sv_SE", "da": "da_DK", "pl": "pl_PL", "tr": "tr_TR", "zh": "zh_CN", "ja": "ja_JP", "ko": "ko_KR",
    "ru": "ru_RU", "ar": "ar_AA", "el": "el_GR", "he": "he_IL", "th": "th_TH", "hi": "hi_IN",
}  # fmt: skip
"""The locale taken for a language; of several countries, the one with the fullest lists."""
OF_SCRIPT = {
    "CYRILLIC": "ru_RU", "GREEK": "el_GR", "ARABIC": "ar_AA", "HEBREW": "he_IL", "DEVANAGARI": "hi_IN",
    "THAI": "th_TH", "HIRAGANA": "ja_JP", "KATAKANA": "ja_JP", "HANGUL": "ko_KR", "CJK": "zh_CN",
    "BENGALI": "bn_BD", "TAMIL": "ta_IN", "GEORGIAN": "ka_GE", "ARMENIAN": "hy_AM",
}  # fmt: skip
"""The locale taken for a script."""
LETTERS = {
    "de_DE": "äöüß", "fr_FR": "éèêëçàâîïôùûœ", "es_ES": "ñáíóúü", "pt_BR": "ãõçáâêéíóú", "pl_PL": "łąęśżźćńó",
    "cs_CZ": "ěřůčšžýáíéúňťď", "sv_SE": "åäö", "no_NO": "øåæ", "tr_TR": "ğşıöüç", "hu_HU": "őűáéíóöü",
    "ro_RO": "ăâîșțşţ", "hr_HR": "čćđšž", "vi_VN": "ăâêôơưđạảấầẩẫậắằẳẵặẹẻẽếềểễệỉịọỏốồổỗộớờởỡợụủứừửữựỳỵỷỹ",
    "uk_UA": "іїєґ", "fa_IR": "پچژگ", "it_IT": "ìòàèù", "fi_FI": "äö",
}  # fmt: skip
"""Letters beyond the alphabet its script shares; a value goes to the locale that explains most of its own."""
_LOCK = threading.RLock()
"""Faker's generators are shared and take their randomness as an attribute: one draw at a time."""


def script_of(text: str) -> str:
    """The script most letters of a text are written in, LATIN where there are none."""
    counted = Counter(_script(c) for c in text if c.isalpha())
    if counted["HIRAGANA"] or counted["KATAKANA"]:
        return "HIRAGANA"  # Japanese names are mostly Chinese characters; any kana decides
    return counted.most_common(1)[0][0] if counted else "LATIN"


def _script(character: str) -> str:
    return "LATIN" if character.isascii() else unicodedata.name(character, "").split(" ")[0].split("-")[0]


def locale_of(value: str, otherwise: str = DEFAULT) -> str:
    """The locale a value shows by itself, `otherwise` where it shows none.

    >>> locale_of("Jürgen Weiß"), locale_of("Νίκος"), locale_of("Ana", otherwise="es_ES")
    ('de_DE', 'el_GR', 'es_ES')
    """
    if value.isascii():
        return otherwise if _written_in(otherwise) == "LATIN" else DEFAULT
    folded = unicodedata.normalize("NFC", value).casefold()
    script = script_of(folded)
    own = {c for c in folded if not c.isascii() and c.isalpha()}
    fits = {name: len(own & set(letters)) for name, letters in LETTERS.items() if _written_in(name) == script}
    most = max(fits.values(), default=0)
    if script == "CJK" and otherwise == "ja_JP":
        return otherwise  # a name without kana, in a Japanese text
    if most == 0:
        return OF_SCRIPT.get(script, otherwise if _written_in(otherwise) == script else DEFAULT)
    return otherwise if fits.get(otherwise) == most else next(name for name, n in fits.items() if n == most)


@cache
def _written_in(locale: str) -> str:
    scripts = {name: script for script, name in OF_SCRIPT.items()} | {"uk_UA": "CYRILLIC", "fa_IR": "ARABIC"}
    return scripts.get(locale, "LATIN")


def spoken_in(text: str) -> str:
    """The locale of the language a text is written in, the default where that cannot be told."""
    from curation.checks.language import language_of

    return OF_LANGUAGE.get(language_of(text), DEFAULT)


@cache
def generator(locale: str) -> "Generator":
    """Faker's generator of one locale; making one takes about 30 milliseconds, so each is kept."""
    from faker.factory import Factory

    made = Factory.create(locale)
    for provider in made.providers:
        towns = getattr(provider, "cities", None)
        if isinstance(towns, list):  # some come out of a set, in another order in every process
            vars(provider)["cities"] = tuple(sorted(towns))
    return made


def drawn(locale: str, random: Random, draw: Callable[[Any], str]) -> str:
    """What one of Faker's methods gives with this randomness and no other."""
    with _LOCK:
        source = generator(locale)
        source.random = random
        return draw(source)


def listed(locale: str, provider: str, *names: str) -> tuple[str, ...]:
    """The first non-empty of a provider's word lists, sorted, so that every process has it in one order."""
    found = next(p for p in generator(locale).providers if f".{provider}." in f"{type(p).__module__}.")
    lists = (getattr(found, name, ()) for name in names)
    return tuple(sorted({str(word) for word in next((words for words in lists if words), ())}))


@cache
def words() -> tuple[str, ...]:
    """Plain lower-case English words, for domains, paths and nicknames."""
    return tuple(w for w in listed(DEFAULT, "lorem", "word_list") if w.isascii() and w.isalpha() and 3 <= len(w) <= 9)
