"""What two pictures share, and how sure that is: arrays in, numbers out, no Django. The front door of the room."""

from retrieval.matching import copy_keys, expansion, local_features, logistic, neighbourhood, open_set
from retrieval.matching.bands import Band, Match, band, band_begins, match
from retrieval.matching.calibration import Calibration, Reliability, Sample, fit, reliability
from retrieval.matching.comparing import SHORTLIST, SHORTLIST_OF_A_PART, QueryPicture, compare, unpacked_parts
from retrieval.matching.copying import compare_stored, other_way, undone
from retrieval.matching.diversity import varied
from retrieval.matching.exemplar import Exemplar, Moments
from retrieval.matching.expansion import Further
from retrieval.matching.local_features import LocalFeatures
from retrieval.matching.logistic import Examples, Grasp
from retrieval.matching.open_set import NEIGHBOURS, Refusals, closeness
from retrieval.matching.overlay import Overlay, explain
from retrieval.matching.parts import Box, likely_parts
from retrieval.matching.regions import boxes
from retrieval.matching.verdict import Judgement, Side, Verdict, same_file
from retrieval.matching.word_calibration import WORDS, AskedWord, fit_words, nearness, of_words

__all__ = [
    "NEIGHBOURS",
    "SHORTLIST",
    "SHORTLIST_OF_A_PART",
    "WORDS",
    "AskedWord",
    "Band",
    "Box",
    "Calibration",
    "Examples",
    "Exemplar",
    "Further",
    "Grasp",
    "Judgement",
    "LocalFeatures",
    "Match",
    "Moments",
    "Overlay",
    "QueryPicture",
    "Refusals",
    "Reliability",
    "Sample",
    "Side",
    "Verdict",
    "band",
    "band_begins",
    "boxes",
    "closeness",
    "compare",
    "compare_stored",
    "copy_keys",
    "expansion",
    "explain",
    "fit",
    "fit_words",
    "likely_parts",
    "local_features",
    "logistic",
    "match",
    "nearness",
    "neighbourhood",
    "of_words",
    "open_set",
    "other_way",
    "reliability",
    "same_file",
    "undone",
    "unpacked_parts",
    "varied",
]
