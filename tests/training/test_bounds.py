"""Every number of every table of a training config has bounds, found by walking the tables themselves."""

from __future__ import annotations

from dataclasses import fields, is_dataclass
from typing import Annotated, get_args, get_origin, get_type_hints

import pytest

from retrieval.embedding import EncoderSpec
from retrieval.errors import InvalidInput
from retrieval.training import RunConfig, bounds, require_recipe
from retrieval.training.recipes import OPTIONS, RECIPES
from tests.training import make

NUMBERS = (int, float)
ODD = (float("nan"), float("inf"), -float("inf"), 1e300, 2**40, -1)


def numbers(kind):
    """The types of the numbers in an annotation, with their bounds where they have some."""
    if get_origin(kind) is Annotated or kind in NUMBERS:
        return [kind] if bounds.plain(kind) in NUMBERS else []
    return [one for part in get_args(kind) for one in numbers(part)] if get_origin(kind) is tuple else []


def tables():
    """Each table with its name and where it stands; the encoder's checks itself (tests/embedding/test_spec.py)."""
    for name, kind in get_type_hints(RunConfig, include_extras=True).items():
        if is_dataclass(kind) and kind is not EncoderSpec:
            yield kind, name
    yield RunConfig, ""
    yield from ((kind, "options") for kind in OPTIONS.values())


FIELDS = [
    (kind, where, entry.name, get_type_hints(kind, include_extras=True)[entry.name])
    for kind, where in tables()
    for entry in fields(kind)
    if numbers(get_type_hints(kind, include_extras=True)[entry.name])
]


NAMES = [f"{kind.__name__}.{name}" for kind, _, name, _ in FIELDS]


@pytest.mark.parametrize(("kind", "where", "name", "annotation"), FIELDS, ids=NAMES)
def test_a_number_out_of_its_bounds_is_refused_by_name(kind, where, name, annotation):
    for number in numbers(annotation):
        bound = next((extra for extra in get_args(number)[1:] if isinstance(extra, bounds.Between)), None)
        assert bound is not None, "it has no bounds"
        assert bound.high <= 2**32
    last = bounds.plain(numbers(annotation)[-1])
    for odd in (one for one in ODD if last is float or type(one) is int):
        value = shaped(annotation, last(odd))
        with pytest.raises(InvalidInput) as caught:
            require_recipe(configured(kind, where, {name: value}))
        assert list(caught.value.fields) == [f"{where}.{name}" if where else name]


def shaped(annotation, number):
    """The number in the form of the field: alone, or last in its list."""
    if get_origin(annotation) is not tuple:
        return number
    parts = get_args(annotation)
    if parts[-1] is Ellipsis:
        return [shaped(parts[0], number)]
    return [0.0] * (len(parts) - 1) + [number]


def configured(kind, where, values):
    """A config with these values in one of its tables."""
    recipe = next((recipe for recipe, options in OPTIONS.items() if options is kind), "classify")
    given = {"steps": 4} if where == "optimiser" else {}
    return make.config(recipe, **({where: {**given, **values}} if where else values))


def test_every_recipe_has_its_options():
    assert set(OPTIONS) == set(RECIPES)
    assert len(FIELDS) > 60


@pytest.mark.parametrize(
    ("tables", "field"),
    [
        ({"data": {"stored_size": 100_000}}, "data.stored_size"),
        ({"sampling": {"batch": 10**9}}, "sampling.batch"),
        ({"sampling": {"kind": "balanced", "batch": 0, "classes": 4096, "per_class": 4096}}, "sampling.batch"),
        ({"sampling": {"batch": 4096}, "schedule": {"sizes": [[0.0, 1024]]}}, "sampling.batch"),
        ({"encoder": {**make.SPEC, "image_size": 10**9}}, "encoder.image_size"),
        ({"encoder": {**make.SPEC, "dimension": 10**9}}, "encoder.dimension"),
        ({"encoder": {**make.SPEC, "widths": [10**9] * 18}}, "encoder.widths"),
        ({"data": {"only": ["a"] * 10_001}}, "data.only"),
    ],
)
def test_what_fits_alone_may_be_too_much_together(tables, field):
    with pytest.raises(InvalidInput) as caught:
        make.config("classify", **tables)
    assert list(caught.value.fields) == [field]


def test_without_bounds_a_config_takes_any_number(monkeypatch):
    monkeypatch.setattr(bounds.Between, "holds", lambda self, number: True)
    assert make.config("classify", data={"stored_size": 100_000}).data.stored_size == 100_000
