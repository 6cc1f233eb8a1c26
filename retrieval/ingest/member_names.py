"""The names of an archive's members, in whatever writing they were packed."""

from __future__ import annotations

import re
import struct
import zipfile
import zlib
from collections.abc import Callable, Sequence

IN_UTF8 = 0x800
# What a name was taken for by zipfile where the archive does not say; each byte is one letter, so that none is lost.
UNTOLD = "cp437"
UNICODE_PATH = 0x7075
FOREIGN = re.compile(r"[^\x00-\x7f]")
# One sign of the East amid the letters of a word is two letters of the West that look so.
LONELY = re.compile(r"(?<=[a-z])[^\x00-\x7f](?![^\x00-\x7f])|(?<![^\x00-\x7f])[^\x00-\x7f](?=[a-z])")
# Letters of the West that stand in names, and those of them that DOS had.
WESTERN = set("ÀÁÂÃÄÅÆÇÈÉÊËÌÍÎÏÑÒÓÔÕÖØÙÚÛÜÝßàáâãäåæçèéêëìíîïñòóôõöøùúûüýÿŒœŠšŽžŸ")


def names(infos: Sequence[zipfile.ZipInfo]) -> list[str]:
    """Return the name of each member, its folders divided by slashes.

    A name in UTF-8, said to be so or not, or in the field 0x7075 is that name (APPNOTE 4.6.9, appendix D). The others
    of an archive are all in one writing, the likeliest.
    """
    told = [_told(info) for info in infos]
    untold = [_raw(info) for info, name in zip(infos, told, strict=True) if name is None]
    writing = _writing(b"\n".join(untold))
    return [
        (_raw(info).decode(writing, "replace") if name is None else name).replace("\\", "/")
        for info, name in zip(infos, told, strict=True)
    ]


def _told(info: zipfile.ZipInfo) -> str | None:
    """The name, where the archive says in which writing it is; None where it does not."""
    if info.flag_bits & IN_UTF8:
        return info.orig_filename
    return _unicode_path(info) or (info.orig_filename if info.orig_filename.isascii() else None)


def _raw(info: zipfile.ZipInfo) -> bytes:
    return info.orig_filename.encode(UNTOLD)


def _unicode_path(info: zipfile.ZipInfo) -> str | None:
    """Info-ZIP's field: a version, the CRC-32 of the name that it stands for, and the name in UTF-8."""
    at, extra = 0, info.extra
    while at + 4 <= len(extra):
        kind, length = struct.unpack_from("<HH", extra, at)
        body = extra[at + 4 : at + 4 + length]
        if kind == UNICODE_PATH and len(body) > 5 and int.from_bytes(body[1:5], "little") == zlib.crc32(_raw(info)):
            return body[5:].decode("utf-8", "replace")
        at += 4 + length
    return None


def _writing(text: bytes) -> str:
    """The writing in which the most of the foreign letters are usual ones; UTF-8 wherever it can be read."""
    scores = {name: _score(text, name, usual) for name, usual in WRITINGS.items()}
    return max(scores, key=lambda name: scores[name])


def _score(text: bytes, writing: str, usual: Callable[[str], bool]) -> float:
    try:
        decoded = text.decode(writing)
    except UnicodeDecodeError:
        return -1.0
    foreign = FOREIGN.findall(decoded if usual in ALPHABETS else LONELY.sub("\N{REPLACEMENT CHARACTER}", decoded))
    return sum(map(usual, foreign)) / len(foreign) if foreign else 0.0


def _is_chinese(letter: str) -> bool:
    """One of the 3,755 most used characters: the first level of GB 2312."""
    pair = letter.encode("gbk", "replace")
    return b"\xb0\xa1" <= pair <= b"\xd7\xf9" and pair[1] >= 0xA1


def _is_japanese(letter: str) -> bool:
    """Kana, or a character of the first level of JIS X 0208."""
    return "\u3041" <= letter <= "\u30fe" or b"\x88\x9f" <= letter.encode("cp932", "replace") <= b"\x98\x72"


def _is_any(_letter: str) -> bool:
    return True


def _is_western(letter: str) -> bool:
    return letter in WESTERN


ALPHABETS = {_is_any, _is_western}
# The first of those that score the same wins.
WRITINGS: dict[str, Callable[[str], bool]] = {
    "utf-8": _is_any,
    "gbk": _is_chinese,
    "cp932": _is_japanese,
    "cp1252": _is_western,
    UNTOLD: _is_western,
}
