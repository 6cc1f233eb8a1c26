"""More like a medical picture is of other patients, one picture each; of any other it is all there is."""

from __future__ import annotations

import pytest

from retrieval.models import Image


@pytest.fixture
def patients(four):
    """Red and pink of one patient, green and blue of another."""
    for name, patient in (("red", "patient a"), ("pink", "patient a"), ("green", "patient b"), ("blue", "patient b")):
        Image.objects.filter(pk=four[name].pk).update(format="DICOM", group_key=patient)
    return four


def found(page, pictures):
    text = page.get(f"/pictures/{pictures['red'].pk}/similar/").content.decode()
    return {name for name, image in pictures.items() if f'data-card="{image.pk}"' in text}


def test_similar_pictures_are_of_other_patients_one_each(page, patients):
    assert len(found(page, patients)) == 1
    assert found(page, patients) < {"green", "blue"}
    Image.objects.update(format="PNG")
    assert found(page, patients) == {"pink", "green", "blue"}


def test_the_way_to_more_asks_for_other_patients_and_can_be_changed(page, patients):
    red = patients["red"].pk
    way = f"/?image={red}&amp;group=on&amp;apart=on"
    assert way in page.get(f"/pictures/{red}/").content.decode()
    Image.objects.update(group_key="")  # of nobody
    assert f'/?image={red}"' in page.get(f"/pictures/{red}/").content.decode()
    assert way not in page.get(f"/pictures/{red}/").content.decode()


def test_where_there_is_nobody_else_it_says_so(page, patients):
    Image.objects.update(group_key="patient a")
    assert (
        "There is nothing of other patients yet."
        in page.get(f"/pictures/{patients['red'].pk}/similar/").content.decode()
    )
