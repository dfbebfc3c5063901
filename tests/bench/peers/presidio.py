"""presidio-analyzer with its patterns alone, as its users run it where no model may be downloaded.

It always wants an NLP engine: this one is spaCy's blank English pipeline, so that context words still count (lower-case
forms stand for lemmas). The suffix list is the copy that tldextract brings.
"""

from collections.abc import Iterable, Iterator, Sequence

import spacy
import tldextract
from presidio_analyzer import AnalyzerEngine, BatchAnalyzerEngine, RecognizerRegistry
from presidio_analyzer.nlp_engine import NlpArtifacts, NlpEngine

from tests.bench.peers.spans import Find, measured

tldextract.extract = tldextract.TLDExtract(suffix_list_urls=(), cache_dir=None)  # it would fetch the list


class BlankEngine(NlpEngine):
    """Tokens and lower-case forms; no entities."""

    def __init__(self) -> None:
        self.nlp = None

    def load(self) -> None:
        self.nlp = spacy.blank("en")
        self.nlp.max_length = 10_000_000

    def is_loaded(self) -> bool:
        return self.nlp is not None

    def process_text(self, text: str, language: str) -> NlpArtifacts:
        return self._artifacts(self.nlp(text), language)

    def process_batch(
        self, texts: Iterable[str], language: str, batch_size: int = 1, n_process: int = 1, **kwargs
    ) -> Iterator[tuple[str, NlpArtifacts]]:
        for doc in self.nlp.pipe(texts, batch_size=batch_size, n_process=n_process):
            yield doc.text, self._artifacts(doc, language)

    def is_stopword(self, word: str, language: str) -> bool:
        return self.nlp.vocab[word].is_stop

    def is_punct(self, word: str, language: str) -> bool:
        return self.nlp.vocab[word].is_punct

    def get_supported_entities(self) -> list[str]:
        return []

    def get_supported_languages(self) -> list[str]:
        return ["en"]

    def _artifacts(self, doc, language: str) -> NlpArtifacts:
        lemmas = [token.lower_ for token in doc]
        return NlpArtifacts([], doc, [token.idx for token in doc], lemmas, self, language)


def opened(argument: str) -> Find:
    """All recognisers for English, asked in batches."""
    engine = BlankEngine()
    engine.load()
    registry = RecognizerRegistry(supported_languages=["en"])
    registry.load_predefined_recognizers(languages=["en"])
    analyzer = AnalyzerEngine(registry=registry, nlp_engine=engine, supported_languages=["en"])
    batches = BatchAnalyzerEngine(analyzer_engine=analyzer)

    def find(texts: Sequence[str]) -> Iterator[list[str]]:
        for found in batches.analyze_iterator(texts, language="en", batch_size=128, score_threshold=0.3):
            yield [result.entity_type for result in found]

    return find


if __name__ == "__main__":
    measured(opened)
