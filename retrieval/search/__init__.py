"""Vector to ranked hits: the only door to stored vectors and to pgvector. What others may use of it is named here."""

from retrieval.search import (
    counts,
    fusion,
    indexes,
    integrity,
    moments,
    read_words,
    recall,
    smoothing,
    stored,
    vectors,
    words,
)  # fmt: skip
from retrieval.search.many import Nearest, nearest_to_each
from retrieval.search.query import Hit, IndexUse, Question, Ranked, group_sizes, nearest, neighbours
from retrieval.search.regions import nearest_by_regions
from retrieval.search.scope import Filters, Near
from retrieval.search.vectors import Floats, QueryVector, Vector
from retrieval.search.words import Words

__all__ = [
    "Filters", "Floats", "Hit", "IndexUse", "Near", "Nearest", "QueryVector", "Question", "Ranked", "Vector", "Words",
    "counts", "fusion", "group_sizes", "indexes", "integrity", "moments", "nearest", "nearest_by_regions",
    "nearest_to_each", "neighbours", "read_words", "recall", "smoothing", "stored", "vectors", "words",
]  # fmt: skip
