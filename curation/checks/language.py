"""Answers in another language than they should be in."""

import re
import unicodedata
from collections import Counter
from functools import cache

from curation.checking import Check, Drop, text_of
from curation.records import Sample

_WORD = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)?")
_NOT_PROSE = re.compile(r"```.*?```|`[^`]*`|https?://\S+|\[[A-Z]+\]", re.DOTALL)
READ = 4000
"""Characters looked at; a language shows itself sooner than that."""

STOP_WORDS = {
    "en": "the a and of to is in that it you for with are this was on have not be my can your as at what they will "
    "from an would please which has how there we when i do if by me but been their or did does could should about "
    "were so no out up just get where why don't i'm i've haven't it's still any",
    "de": "der die das und ist nicht ich sie es ein eine zu den mit von auf für dem im auch wie sich des wir haben in "
    "kann bitte meine mein wird sind aus bei noch nach war einen einer ihre ihr oder wurde über habe aber dass wo an "
    "am schon seit mir mich was wann warum so um als hat möchte meiner meinen keine kein hallo danke",
    "fr": "le la les et est des une un je vous que pas dans pour ce qui en du au sur avec il ne mon ma votre nous de a "
    "sont cette mes être plus été c'est j'ai aux bonjour merci comment elle mais leur par où on n'ai quand pourquoi si",
    "es": "el la los las de que y en un una es por con no para su se del al lo como más mi pero está ha sus le ya a me "
    "este esta muy hay puede cuando hola gracias usted son fue yo también porque desde dónde he qué cómo quiero si",
    "it": "il lo la gli le di che è e un una per non con sono del della dei mi si ho alla nel da come più anche a i in "
    "questo questa mio mia ma ha grazie essere può delle al dal quando cosa perché dove dov'è se vorrei buongiorno",
    "pt": "o a os as de que e em um uma é para não com do da no na por mais se eu meu minha foi ao dos das como mas "
    "está você isso são obrigado muito pelo pela também seu sua quando já onde quero olá me",
    "nl": "de het een en van ik is niet dat op te in voor met zijn er die aan om mijn maar ook je kan wat naar bij nog "
    "heb wordt hebben worden deze dit als uit hij we jullie bent was door over geen wel waar hoe waarom graag u",
    "sv": "och att det är som en på inte jag för med har av till den ett om du kan var men mitt min de från så hur vi "
    "ska skulle eller när också i mig vill",
    "da": "og at det er som en på ikke jeg for med har af til den et om du kan var men mit min de fra så hvordan vi "
    "skal eller når også i mig vil",
    "pl": "nie jest się że na do to w z i jak co jestem mam czy ale dla tak od już przez był moje mój proszę być za "
    "są które tym a o mojego jeszcze mnie kiedy gdzie",
    "tr": "ve bir bu için ile de da ne çok değil var benim ben mi olarak daha gibi ama nasıl kadar sonra olan ki o",
}
"""Frequent words that carry grammar, not topic."""
LETTERS = {
    "ß": "de", "ä": "de sv", "ö": "de sv tr", "ü": "de tr", "ñ": "es", "¿": "es", "¡": "es", "ã": "pt", "õ": "pt",
    "ø": "da", "æ": "da", "å": "sv da", "ł": "pl", "ą": "pl", "ę": "pl", "ś": "pl", "ż": "pl", "ź": "pl", "ć": "pl",
    "ş": "tr", "ğ": "tr", "ı": "tr", "œ": "fr", "ê": "fr pt", "è": "fr it", "ç": "fr pt tr", "ù": "fr it",
    "ì": "it", "ò": "it",
}  # fmt: skip
"""Letters and signs that few languages use; each counts as one more word."""

_SCRIPTS = {
    "CJK": "zh", "HIRAGANA": "ja", "KATAKANA": "ja", "HANGUL": "ko", "CYRILLIC": "ru", "ARABIC": "ar", "GREEK": "el",
    "HEBREW": "he", "THAI": "th", "DEVANAGARI": "hi",
}  # fmt: skip
"""Script to the language that writes most of it; relatives (uk, fa, mr ...) go under that name too."""


class Language(Check):
    """Object to an answer in another language than `languages` lists, or than the prompt's where it lists none.

    A small heuristic: the script, then stop words of 11 languages. What it cannot tell is `unknown`, and an unknown
    language, of the answer or of the prompt, never counts against a sample.
    """

    languages: tuple[str, ...] = ()
    field: str | None = None
    """The field of a JSON answer that is prose; without it, all its strings are read together."""

    def __call__(self, sample: Sample) -> Drop | None:
        """Tell the answer's language and compare."""
        wanted = self.languages or (language_of(sample.prompt),)
        found = language_of(self._text(sample))
        if "unknown" in (found, *wanted) or found in wanted:
            return None
        return self.against("language", f"answer is in {found!r}, not in {' or '.join(map(repr, wanted))}")

    def _text(self, sample: Sample) -> str:
        if self.field is None and sample.labels is not None:
            return " ".join(v for v in sample.labels.values() if isinstance(v, str))
        return text_of(sample, self.field)


def language_of(text: str) -> str:
    """A two-letter code, or `unknown` when there is too little to tell by or two languages are too close.

    >>> language_of("Wie kann ich bitte meine Karte sperren?"), language_of("ok 42")
    ('de', 'unknown')
    """
    prose = _NOT_PROSE.sub(" ", text[:READ])
    return _by_script(prose) or _by_words(prose)


def _by_script(text: str) -> str | None:
    letters = [c for c in text if c.isalpha()]
    other = Counter(_script(c) for c in letters if not c.isascii())
    # Kana decides for Japanese: its texts hold more Chinese characters than kana at times, Chinese ones hold none.
    if other["ja"] * 10 > other["zh"] and 2 * (other["ja"] + other["zh"]) > len(letters):
        return "ja"
    found, n = max(((k, v) for k, v in other.items() if k), key=lambda kv: kv[1], default=(None, 0))
    return found if n >= 4 and 2 * n > len(letters) else None


@cache
def _script(character: str) -> str | None:
    return _SCRIPTS.get(unicodedata.name(character, "").split(" ")[0].split("-")[0])


def _by_words(text: str) -> str:
    folded = text.casefold().replace("’", "'")
    words = _WORD.findall(folded)
    signs = Counter(w for w in (*words, *(c for c in folded if c in LETTERS)) if w in _languages_by_word())
    scores: dict[str, float] = {}
    kinds: Counter[str] = Counter()
    for sign, n in signs.items():
        languages = _languages_by_word()[sign]
        for language in languages:
            # A word many languages share says little for any of them, and one word repeated is one sign, not many.
            scores[language] = scores.get(language, 0) + min(n, 3) / len(languages)
            kinds[language] += 1
    best, second = [*sorted(scores, key=lambda k: -scores[k]), "", ""][:2]
    clear = scores.get(best, 0) >= 1.5 * scores.get(second, 0) and scores.get(best, 0) >= 0.08 * len(words)
    return best if clear and kinds[best] >= 3 else "unknown"


@cache
def _languages_by_word() -> dict[str, list[str]]:
    table: dict[str, list[str]] = {letter: languages.split() for letter, languages in LETTERS.items()}
    for language, words in STOP_WORDS.items():
        for word in words.split():
            table.setdefault(word, []).append(language)
    return table
