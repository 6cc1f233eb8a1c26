"""Tags as the database writes them for many pictures in one statement."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.contrib.postgres.fields import ArrayField
from django.db.models import CharField, Expression, F, Func, Value
from django.db.models.functions import Cast

from retrieval.models.bounds import TAG_LENGTH

TAGS: ArrayField[Any, Any] = ArrayField(CharField(max_length=TAG_LENGTH))


class Distinct(Func):
    """The different tags of the first array that are not in the second, in the order in which they first come."""

    template = "ARRAY(SELECT t FROM unnest(%(expressions)s) GROUP BY t ORDER BY min(n))"
    arg_joiner = ") WITH ORDINALITY AS u(t, n) WHERE t <> ALL("
    output_field = TAGS


def tagged(added: Sequence[str], *, without: Sequence[str]) -> Expression:
    """Return a picture's tags with these behind them and those taken out; a tag that is in both stays."""
    removed = [tag for tag in without if tag not in added]
    together = Func(F("tags"), _array(added), function="array_cat", output_field=TAGS)
    return Distinct(together, _array(removed))


def _array(tags: Sequence[str]) -> Cast:
    return Cast(Value(list(tags), TAGS), TAGS)
