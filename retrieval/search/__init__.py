"""Vector to ranked hits: the only door to stored vectors and to pgvector. What others may use of it is named here."""

from retrieval.search.indexes import Progress
from retrieval.search.query import Hit, Question
from retrieval.search.scope import Filters, Scope
from retrieval.search.vectors import QueryVector
from retrieval.search.words import Words

__all__ = ["Filters", "Hit", "Progress", "QueryVector", "Question", "Scope", "Words"]
