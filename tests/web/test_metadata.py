"""Metadata by table on pages: shown first, then done, taken back; what goes out; and months to go to."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from uuid import UUID

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from retrieval import conf
from retrieval.models import Image
from tests.factories import UserFactory
from tests.web.test_browsing import shown

TABLE = "\ufeff文件名;标题;评分\r\nred.jpg;Robin;\r\nowl.jpg;Owl;\r\nred.jpg;Again;\r\nred.jpg;;9\r\n".encode()


@pytest.fixture
def robin(collection):
    from tests.factories import ImageFactory

    return ImageFactory(collection=collection, title="red", path="in/red.jpg")


@pytest.fixture
def path(collection):
    return f"/collections/{collection.pk}/"


def tried(page, path, data=TABLE):
    return page.post(f"{path}metadata/try/", {"file": SimpleUploadedFile("t.csv", data)})


def kept():
    """The tables that lie aside."""
    return {path.name.partition("-")[0] for path in conf.get().incoming.glob("*.table")}


def test_a_table_is_shown_before_it_is_done_and_taken_back(page, path, robin, encoder):
    assert f'action="{path}metadata/try/"' in page.get(path).content.decode()
    text = tried(page, path).content.decode()
    assert "1 picture would change" in text
    assert "owl.jpg" in text
    assert "Row 4" in text
    chinese = page.post(f"{path}metadata/try/", {"file": SimpleUploadedFile("t.csv", TABLE)},
                        headers={"Accept-Language": "zh-CN"}).content.decode()  # fmt: skip
    assert "rating: 请求中有内容超出允许范围。" in chinese
    assert Image.objects.get().title == "red"
    token = re.search(r'name="table" value="([^"]+)"', text)[1]
    done = page.post(f"{path}metadata/take/", {"table": token}, follow=True).content.decode()
    assert "1 picture changed." in done
    assert Image.objects.get().title == "Robin"
    page.post(re.search(r'action="(/selection/[^"]+/undo/)"', done)[1])
    assert Image.objects.get().title == "red"
    assert page.post(f"{path}metadata/take/", {"table": token}).status_code == 404  # kept no longer
    assert UUID(token).hex not in kept()


def test_a_table_is_its_sender_s_and_one_that_cannot_be_used_is_not_kept(page, path, robin, sees, collection):
    text = tried(page, path).content.decode()
    token = re.search(r'name="table" value="([^"]+)"', text)[1]
    collection.visibility = "shared"
    collection.save()
    editor = UserFactory()
    collection.memberships.create(user=editor, role="contributor")
    assert sees(editor).post(f"{path}metadata/take/", {"table": token}).status_code == 404
    before = kept()
    assert UUID(token).hex in before
    assert tried(page, path, b"colour\nred").status_code == 400
    assert page.post(f"{path}metadata/try/").status_code == 400
    assert kept() == before


@pytest.mark.usefixtures("robin", "encoder")
def test_what_goes_out_is_offered_to_all_who_look(page, path, sees, collection):
    collection.visibility = "public"
    collection.save()
    text = sees(UserFactory()).get(path).content.decode()
    assert "metadata/try/" not in text
    for name in ("metadata.csv", "metadata.json", "vectors.npz"):
        assert f'href="{path}{name}"' in text
        answer = page.get(f"{path}{name}")
        assert "attachment" in answer["Content-Disposition"]
        assert b"".join(answer.streaming_content)
    assert "1 original as ZIP" in text


def test_a_month_leads_to_where_it_begins_and_a_camera_narrows(page, path, collection, encoder):
    from tests.factories import ImageFactory

    for name, month, camera in (("a", 5, "EOS"), ("b", 6, "X100"), ("c", 7, "EOS"), ("d", 6, "EOS")):
        taken = datetime(2019, month, 30, 23, tzinfo=UTC)
        ImageFactory(collection=collection, title=name, taken_at=taken, camera=camera)
    text = page.get(path).content.decode()
    assert re.search(r'href="\?month=2019-07"[^>]*>2019 <small>4</small>', text)
    assert re.search(r'href="\?month=2019-06">Jun\w* <small>2</small>', text)
    assert shown(page.get(f"{path}?month=2019-06")) == ["d", "b", "a"]
    assert shown(page.get(f"{path}?sort=taken_first")) == ["a", "b", "d", "c"]
    assert shown(page.get(f"{path}?month=2019-06&camera=EOS")) == ["d", "a"]
    assert [page.get(f"{path}?month={month}").status_code for month in ("2019-13", "9999-12", "x")] == [400] * 3
    assert 'data-first="1" data-total="4"' in page.get(f"{path}?month=2019-06").content.decode()  # a place, no bound
    assert shown(page.get(f"{path}?month=1990-01")) == ["a"]  # nothing was taken before
    first = page.get(f"{path}?month=2019-06&sort=taken_first")
    assert (shown(first), 'data-first="1"' in first.content.decode()) == (["b", "d", "c"], True)
