"""Archives: what is crafted is refused, by member where possible, and everything else passes the same gate."""

from __future__ import annotations

import io
import struct
import zipfile

import pytest

from retrieval.errors import RetrievalError, TooLarge, UnsupportedPicture
from retrieval.ingest.archive import ArchiveLimits, PictureArchive
from tests.ingest.pictures import sample

PICTURE = sample("JPEG")
LIMITS = ArchiveLimits(members=50, real_bytes=200_000, member_bytes=50_000)


def zipped(*members, compression=zipfile.ZIP_DEFLATED):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", compression) as archive:
        for name, data in members:
            archive.writestr(name, data)
    return out.getvalue()


def special(name, mode):
    info = zipfile.ZipInfo(name)
    info.external_attr = mode << 16
    return info


def encrypted():
    data = bytearray(zipped(("a.jpg", PICTURE)))
    data[6] |= 1
    data[data.rindex(b"PK\x01\x02") + 8] |= 1
    return bytes(data)


def lying(*, claimed):
    """An archive whose member claims another size than it has."""
    data = bytearray(zipped(("a.jpg", b"\0" * 40_000)))
    struct.pack_into("<L", data, 22, claimed)
    struct.pack_into("<L", data, data.rindex(b"PK\x01\x02") + 24, claimed)
    return bytes(data)


def flipped():
    """An archive with a wrong byte in its member."""
    data = bytearray(zipped(("a.jpg", PICTURE)))
    data[60] ^= 0xFF
    return bytes(data)


def overlapping():
    """Two directory entries that point to one run of bytes."""
    data = bytearray(zipped(("a.jpg", PICTURE), ("b.jpg", PICTURE)))
    struct.pack_into("<L", data, data.rindex(b"PK\x01\x02") + 42, 0)
    return bytes(data)


def opened(tmp_path, data, limits=LIMITS):
    path = tmp_path / "archive.zip"
    path.write_bytes(data)
    with PictureArchive(path, limits) as archive:
        return list(archive.members())


def test_members_come_in_order_and_may_be_started_anywhere(tmp_path):
    path = tmp_path / "a.zip"
    path.write_bytes(zipped(*[(f"{n}.jpg", bytes([n])) for n in range(5)]))
    with PictureArchive(path, LIMITS) as archive:
        assert len(archive) == 5
        rest = [(member.name, member.data) for member in archive.members(start=3)]
    assert rest == [("3.jpg", b"\3"), ("4.jpg", b"\4")]


def test_folders_and_clutter_are_left_out(tmp_path):
    data = zipped(("a/", b""), ("a/b.jpg", b"x"), ("__MACOSX/a/._b.jpg", b"y"), ("a/.DS_Store", b"z"))
    assert [member.name for member in opened(tmp_path, data)] == ["a/b.jpg"]


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (zipped(("../a.jpg", PICTURE)), "unsafe_name"),
        (zipped(("x/../../a.jpg", PICTURE)), "unsafe_name"),
        (zipped(("..\\a.jpg", PICTURE)), "unsafe_name"),
        (zipped(("/etc/a.jpg", PICTURE)), "unsafe_name"),
        (zipped(("C:\\a.jpg", PICTURE)), "unsafe_name"),
        (zipped((special("a.jpg", 0o120777), b"/etc/passwd")), "special_member"),
        (zipped((special("a.jpg", 0o010644), b"")), "special_member"),
        (zipped(("a.zip", zipped(("b.jpg", PICTURE)))), "nested_archive"),
        (zipped(("a.jpg", b"\0" * 60_000)), "image_too_large"),
        (encrypted(), "encrypted_member"),
        (zipped(("a.jpg", PICTURE), compression=zipfile.ZIP_LZMA), "unknown_compression"),
        (lying(claimed=100), "member_damaged"),
        (flipped(), "member_damaged"),
        (zipped(("a.jpg", PICTURE))[200:], "member_damaged"),
    ],
)
def test_a_crafted_member_is_refused(tmp_path, data, code):
    (member,) = opened(tmp_path, data)
    assert member.error.code == code
    assert member.data == b""


def test_a_member_that_claims_too_much_gives_what_it_has(tmp_path):
    assert opened(tmp_path, lying(claimed=49_000))[0].data == b"\0" * 40_000


def test_the_member_after_a_crafted_one_passes(tmp_path):
    bad, good = opened(tmp_path, zipped(("../a.jpg", PICTURE), ("b.jpg", PICTURE)))
    assert bad.error
    assert good.data == PICTURE


@pytest.mark.parametrize(
    ("data", "kind", "code"),
    [
        (zipped(*[(f"{n}.jpg", b"") for n in range(51)]), TooLarge, "archive_too_many_members"),
        (zipped(*[(f"{n}.jpg", b"\0" * 49_000) for n in range(5)]), TooLarge, "archive_too_large"),
        (overlapping(), UnsupportedPicture, "archive_overlap"),
        (b"", UnsupportedPicture, "archive_damaged"),
        (b"PK\3\4 no more", UnsupportedPicture, "archive_damaged"),
        (PICTURE, UnsupportedPicture, "archive_damaged"),
        (zipped(("a.jpg", PICTURE))[:-30], UnsupportedPicture, "archive_damaged"),
    ],
)
def test_a_crafted_archive_is_refused_as_a_whole(tmp_path, data, kind, code):
    with pytest.raises(kind) as caught:
        opened(tmp_path, data)
    assert caught.value.code == code


def test_a_hundred_thousand_members_are_refused_before_the_directory_is_read(tmp_path, monkeypatch):
    entry = struct.pack("<4s6H3L5H2L", b"PK\1\2", 20, 20, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0) + b"a"
    directory = entry * 100_000

    def read(*_, **__):
        raise AssertionError("the directory was read")

    monkeypatch.setattr(zipfile, "ZipFile", read)
    for claimed in (0xFFFF, 3):
        end = struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, claimed, claimed, len(directory), 0, 0)
        with pytest.raises(TooLarge):
            opened(tmp_path, directory + end)


def test_the_real_bytes_are_counted_while_reading(tmp_path, monkeypatch):
    path = tmp_path / "a.zip"
    path.write_bytes(zipped(*[(f"{n}.jpg", b"\0" * 30_000) for n in range(6)]))
    with PictureArchive(path, LIMITS) as archive:
        monkeypatch.setattr(archive, "_limits", ArchiveLimits(50, 70_000, 50_000))
        seen = []
        with pytest.raises(TooLarge):
            seen.extend(archive.members())
        iterator = archive.members()
        assert [len(next(iterator).data) for _ in range(2)] == [30_000] * 2


@pytest.mark.parametrize("name", ["a\r\nb.jpg", "a\u202egpj.jpg", "x" * 5000 + ".jpg", '"quoted".jpg', "%2f%2e%2e.jpg"])
def test_names_are_display_text(tmp_path, name):
    (member,) = opened(tmp_path, zipped((name, PICTURE)), ArchiveLimits())
    assert member.data == PICTURE
    assert len(member.name) <= 500
    assert member.name.isprintable()


def test_damage_anywhere_is_a_refusal(tmp_path):
    data = zipped(("a.jpg", PICTURE), ("b.jpg", PICTURE))
    refused = 0
    for at in range(0, len(data), 7):
        broken = bytearray(data)
        broken[at] ^= 0x55
        try:
            members = opened(tmp_path, bytes(broken))
        except RetrievalError:
            refused += 1
            continue
        assert all(member.data == b"" if member.error else member.data == PICTURE for member in members), at
        refused += any(member.error for member in members)
    assert refused > len(range(0, len(data), 7)) / 2
