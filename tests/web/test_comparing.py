"""The table of ranks."""

from __future__ import annotations

from types import SimpleNamespace

from retrieval.web.comparing import TOP, ranks


def answer(*names):
    """An answer that found these pictures in this order."""
    hits = [SimpleNamespace(rank=place, image=SimpleNamespace(id=name)) for place, name in enumerate(names, 1)]
    return SimpleNamespace(hits=hits)


def test_each_of_the_first_of_any_measure_has_its_rank_by_all():
    table = ranks({"cosine": answer("a", "b", "c"), "pearson": answer("b", "a", "c")})
    assert [(row.image.id, row.ranks) for row in table.rows] == [("a", [1, 2]), ("b", [2, 1]), ("c", [3, 3])]
    assert table.measures == ["cosine", "pearson"]
    assert table.depth == 3


def test_what_one_measure_does_not_find_has_no_rank_there_and_stands_lower():
    table = ranks({"cosine": answer("a", "b", "d"), "pearson": answer("c", "b", "d")})
    assert [(row.image.id, row.ranks) for row in table.rows] == [
        ("b", [2, 2]), ("a", [1, None]), ("c", [None, 1]), ("d", [3, 3]),
    ]  # fmt: skip


def test_only_the_first_of_each_are_in_it():
    names = [str(number) for number in range(20)]
    table = ranks({"cosine": answer(*names)})
    assert [row.image.id for row in table.rows] == names[:TOP]


def test_nothing_found():
    assert ranks({"cosine": answer()}).rows == []
