"""Archives: what is crafted is refused, by member where possible, and everything else passes the same gate."""

from __future__ import annotations

import io
import struct
import zipfile
import zlib

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


CLUTTERED = (
    "__MACOSX/._a.jpg", "._a.jpg", ".DS_Store", "thumbs.db", "THUMBS.DB", "sub/Desktop.ini", "@eaDir/a.jpg/XL.jpg",
    "x/.@__thumb/a.jpg", "#recycle/a.jpg", "$RECYCLE.BIN/a.jpg", ".thumbnails/1.jpg", ".nomedia", "...", "~$a.jpg",
)  # fmt: skip


@pytest.mark.parametrize("name", CLUTTERED)
def test_clutter_of_every_system_is_left_out(tmp_path, name):
    assert [member.name for member in opened(tmp_path, zipped(("./a.jpg", b"x"), (name, PICTURE)))] == ["./a.jpg"]


def test_clutter_is_left_out_before_members_are_counted(tmp_path):
    members = [(f"{n}.jpg", b"x") for n in range(50)] + [(f"__MACOSX/._{n}.jpg", b"x") for n in range(50)]
    assert len(opened(tmp_path, zipped(*members))) == 50
    with pytest.raises(TooLarge):
        opened(tmp_path, zipped(*members, ("one more.jpg", b"x")))


def test_folders_divided_by_backslashes_are_folders(tmp_path):
    assert [member.name for member in opened(tmp_path, zipped(("pics\\", b""), ("pics\\a.jpg", b"x")))] == [
        "pics/a.jpg"
    ]


def packed_as(writing, *names):
    """An archive whose names are in this writing, which it does not say."""
    places = ["AB"[n] * len(name.encode(writing)) for n, name in enumerate(names)]
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for place in places:
            archive.writestr(place, b"x")
    data = out.getvalue()
    for place, name in zip(places, names, strict=True):
        data = data.replace(place.encode(), name.encode(writing))
    return data


WRITTEN = {
    "utf-8": ("Müller Grüße.jpg", "日本の夏.jpg"),
    "gbk": ("测试图片.jpg", "我的小猫/照片 1.jpg"),
    "cp932": ("日本の夏.jpg", "表/写真 1.jpg"),
    "cp1252": ("Müller Grüße.jpg", "Été à Zürich.jpg"),
    "cp437": ("Schönes Fräulein.jpg", "Ärger in Málaga.jpg"),
}


@pytest.mark.parametrize("writing", WRITTEN)
@pytest.mark.parametrize("which", [slice(0, 1), slice(1, 2), slice(2)])
def test_names_are_read_in_the_writing_that_they_are_in(tmp_path, writing, which):
    names = WRITTEN[writing][which]
    assert [member.name for member in opened(tmp_path, packed_as(writing, *names))] == list(names)


def test_the_field_for_a_name_in_utf_8_counts_while_it_fits(tmp_path):
    def field(name):
        body = b"\1" + struct.pack("<L", zlib.crc32(name)) + "Müller.jpg".encode()
        return struct.pack("<HH", 0x7075, len(body)) + body

    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name in ("M_ller.jpg", "renamed.jpg"):
            info = zipfile.ZipInfo(name)
            info.extra = field(b"M_ller.jpg")
            archive.writestr(info, PICTURE)
    assert [member.name for member in opened(tmp_path, out.getvalue())] == ["Müller.jpg", "renamed.jpg"]


def large(data, *, claimed=None):
    """The archive with the records of a ZIP64 at its end (APPNOTE 4.3.14 and 4.3.15)."""
    at = data.rindex(b"PK\5\6")
    count, length, start = struct.unpack_from("<10xHLL", data, at)
    record = struct.pack("<4sQ2H2L4Q", b"PK\6\6", 44, 45, 45, 0, 0, claimed or count, claimed or count, length, start)
    locator = struct.pack("<4sLQL", b"PK\6\7", 0, at, 1)
    return (
        data[:at] + record + locator + struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, 0xFFFF, 0xFFFF, 2**32 - 1, 2**32 - 1, 0)
    )


def test_a_large_zip_is_read_and_its_own_count_counts(tmp_path):
    data = zipped(("a.jpg", PICTURE), ("b.jpg", PICTURE))
    assert [member.data for member in opened(tmp_path, large(data))] == [PICTURE] * 2
    with pytest.raises(TooLarge):
        opened(tmp_path, large(data, claimed=10**6))
    with pytest.raises(UnsupportedPicture):
        opened(tmp_path, large(data).replace(b"PK\6\6", b"PK\6\5"))
