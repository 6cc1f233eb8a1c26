"""Sources by the API: made, shown without their password, changed, asked for, removed."""

from __future__ import annotations

import pytest

from retrieval.models import Source

GATE = {"name": "Gate", "kind": "address", "place": "https://camera.example/x.jpg", "password": "s3cret"}


@pytest.fixture
def api(calls, owner):
    return calls(owner)


def test_a_source_from_its_making_to_its_end(api, collection):
    where = f"/api/v1/collections/{collection.pk}/sources/"
    answer = api.post(where, GATE, format="json")
    assert answer.status_code == 201
    made = answer.json()
    assert (made["has_password"], made["every_minutes"], made["keep_days"], made["user"]) == (True, 60, None, "owner")
    assert api.get(where).json()["results"] == [made]
    one = f"{where}{made['id']}/"
    changed = api.patch(one, {"keep_days": 30, "active": False}, format="json").json()
    assert changed == {**made, "keep_days": 30, "active": False, "due_at": changed["due_at"]}
    assert api.patch(one, {"keep_days": None}, format="json").json()["keep_days"] is None
    assert api.post(f"{one}read/").status_code == 202
    assert Source.objects.get().asked
    Source.objects.update(error_code="url_unreachable", error_text="Nothing.")
    shown = api.get(one)
    assert shown.json()["error"] == {"code": "url_unreachable", "message": "Nothing."}
    assert b"s3cret" not in answer.content + shown.content
    assert api.delete(one).status_code == 204
    assert api.get(one).status_code == 404


@pytest.mark.parametrize(
    ("wrong", "field"),
    [({"kind": "ftp"}, "kind"), ({"every_minutes": 0}, "every_minutes"), ({"place": "file:///etc/passwd"}, "place"),
     ({"place": "https://a:b@camera.example/"}, "place"), ({"keep_days": 0}, "keep_days"), ({"colour": 1}, "colour")],
)  # fmt: skip
def test_what_is_wrong_is_named(api, collection, wrong, field):
    answer = api.post(f"/api/v1/collections/{collection.pk}/sources/", {**GATE, **wrong}, format="json")
    assert (answer.status_code, list(answer.json()["error"]["fields"])) == (400, [field])
