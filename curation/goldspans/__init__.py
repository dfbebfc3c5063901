"""Texts that people marked: reading them, finding what is wrong with the marks, and scoring a scrubber on them."""

from curation.goldspans.gold import Defect, GoldFile, GoldSpan, GoldText, Place
from curation.goldspans.reading import gold_of, read_gold
from curation.goldspans.scoring import GoldReport, as_dict, measure, predict_all, rounded, score
from curation.goldspans.type_map import read_types

__all__ = [
    "Defect", "GoldFile", "GoldReport", "GoldSpan", "GoldText", "Place", "as_dict", "gold_of", "measure",
    "predict_all", "read_gold", "read_types", "rounded", "score",
]  # fmt: skip
