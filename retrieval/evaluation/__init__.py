"""How well an encoder finds, in numbers: numpy only, no Django. What the rest of the app uses of it is named here."""

from retrieval.evaluation.bootstrap import Interval
from retrieval.evaluation.judged import DEPTH, RELEVANT, Grades
from retrieval.evaluation.protocol import GROUP_RULES, LabelledSet, Match, Plan, evaluate
from retrieval.evaluation.ranking import MEASURES
from retrieval.evaluation.report import Report, Subject, Trial
from retrieval.evaluation.sets import Entry

__all__ = [
    "DEPTH", "GROUP_RULES", "MEASURES", "RELEVANT", "Entry", "Grades", "Interval", "LabelledSet", "Match", "Plan",
    "Report", "Subject", "Trial", "evaluate", "judged", "markdown", "metrics", "plots", "protocol", "ranking", "report",
    "sets",
]  # fmt: skip
