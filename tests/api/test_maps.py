"""Maps through the API: asked for, followed, and read as places and groups."""

from __future__ import annotations

import numpy as np
import pytest
from rest_framework.test import APIClient

from retrieval.services.encoders import maps
from retrieval.work import long_jobs
from tests.factories import CollectionFactory, EncoderFactory, UserFactory
from tests.search.rows import put

pytestmark = pytest.mark.django_db


def test_a_map_tells_its_shares_and_where_each_picture_lies():
    boss, client = UserFactory(is_staff=True, is_superuser=True), APIClient()
    client.force_authenticate(boss)
    home = CollectionFactory(owner=boss)
    rows = put(home, np.eye(3, dtype=np.float32), encoder=EncoderFactory(dimension=3), each=[{"tags": ["a"]}, {}, {}])
    begun = client.post("/api/v1/maps/", {"collection": str(home.pk)}, format="json")
    assert (begun.status_code, begun.json()["result"]) == (202, None)
    long_jobs.run(maps.KIND, begun.json()["id"])
    url = f"/api/v1/maps/{begun.json()['id']}/"
    assert client.get(url).json()["result"] == {"pictures": 3, "of": 3, "shares": [pytest.approx(0.5)] * 2}
    points = client.get(f"{url}points/").json()
    assert points["groups"] == [{"name": "", "count": 2}, {"name": "a", "count": 1}]
    assert points["group"][points["ids"].index(str(rows[0].pk))] == 1
    assert np.hypot(points["x"], points["y"]) == pytest.approx([(2 / 3) ** 0.5] * 3, abs=1e-3)
    assert client.get(f"{url}points/?group_by=camera").status_code == 400
