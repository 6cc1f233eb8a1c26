"""Say what a file is that is no picture to be read here, so that its refusal is true."""

from __future__ import annotations

import re
from collections.abc import Mapping

from retrieval.errors import UnsupportedPicture

READ = "JPEG, PNG, WebP, GIF, BMP, TIFF, AVIF, JPEG 2000 and cameras' raw files"
OPERATOR = "whoever runs the site can have it read (make extras)"
OPERATOR_OF_VIDEO = "whoever runs the site can have it read (make extras-video)"
LOOKED_AT = 4096
# Code -> sentence. Every edge may say its own words for a code.
SENTENCES: Mapping[str, str] = {
    "file_empty": "The file is empty.",
    "heic_not_read": f"This is a HEIC picture, as iPhones take them. Send it as JPEG; {OPERATOR}.",
    "jpeg_xl_not_read": f"This is a JPEG XL picture. Send it as JPEG or PNG; {OPERATOR}.",
    "raw_not_read": "This is a camera's raw file without a picture in it that is read here. Send it as JPEG.",
    "drawing_not_read": "This is a drawing (SVG, EPS or the like), not pixels; it is not read here. Send it as PNG.",
    "pdf_not_read": f"This is a PDF document. Send its pages as pictures; {OPERATOR}.",
    "pdf_encrypted": "This PDF document asks for a password. Send it without one.",
    "dicom_not_read": f"This is a medical picture (DICOM). Send it as PNG or TIFF; {OPERATOR}.",
    "dicom_kind_not_read": "This medical file holds no picture, or one packed in a way not read here.",
    "video_not_read": f"This is a video. Send still pictures of it; {OPERATOR_OF_VIDEO}.",
    "video_kind_not_read": "This is a video of a kind that is not read here. Send it as MP4 or WebM.",
    "sound_not_read": "This is a sound recording, not a picture.",
    "archive_not_read": "This is an archive or an office document; it is not read as a picture.",
    "text_not_read": "This is text, not a picture.",
    "tiff_kind_not_read": "This TIFF file is sound, but of a kind that is not read here. Send it as PNG or JPEG.",
    "format_not_allowed": f"This is none of the pictures that are read here ({READ}), or its beginning is damaged.",
}
BEGINNINGS: Mapping[bytes, str] = {
    b"%PDF-": "pdf_not_read",
    b"\xff\x0a": "jpeg_xl_not_read",
    b"\0\0\0\x0cJXL \r\n": "jpeg_xl_not_read",
    b"FUJIFILMCCD-RAW": "raw_not_read",
    b"IIRO": "raw_not_read",
    b"IIRS": "raw_not_read",
    b"MMOR": "raw_not_read",
    b"IIU\0": "raw_not_read",
    b"\0MRM": "raw_not_read",
    b"FOVb": "raw_not_read",
    b"%!PS": "drawing_not_read",
    b"\xc5\xd0\xd3\xc6": "drawing_not_read",
    b"\xd7\xcd\xc6\x9a": "drawing_not_read",
    b"\x1a\x45\xdf\xa3": "video_not_read",
    b"FLV\1": "video_not_read",
    b"\0\0\1\xba": "video_not_read",
    b"\0\0\1\xb3": "video_not_read",
    b"0&\xb2u\x8ef\xcf\x11": "video_not_read",
    b"ID3": "sound_not_read",
    b"OggS": "sound_not_read",
    b"fLaC": "sound_not_read",
    b"PK\3\4": "archive_not_read",
    b"PK\5\6": "archive_not_read",
    b"Rar!\x1a\7": "archive_not_read",
    b"7z\xbc\xaf\x27\x1c": "archive_not_read",
    b"\x1f\x8b": "archive_not_read",
    b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1": "archive_not_read",
    **dict.fromkeys((b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"), "tiff_kind_not_read"),
}
# The brand of an ISO media file: ISO/IEC 14496-12, and 23008-12 for pictures in it.
BRANDS: Mapping[bytes, str] = {
    **dict.fromkeys((b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1"), "heic_not_read"),
    b"crx ": "raw_not_read",
    b"M4A ": "sound_not_read",
}
# QuickTime files without a brand begin with one of these parts; their lengths begin with a zero.
ATOMS = (b"moov", b"mdat", b"wide", b"free", b"skip", b"pnot")
# An MPEG transport stream: packets of 188 bytes, with a time stamp of 4 before each on some cameras. ISO/IEC 13818-1.
SYNC, PACKET, STAMP, REPEATED = b"\x47", 188, 4, 3
CONTAINERS: Mapping[bytes, str] = {b"AVI ": "video_not_read", b"WAVE": "sound_not_read"}
MARKUP = re.compile(rb"\s*(?:<\?xml[^>]*>\s*)?(?:<!--.*?-->\s*|<!DOCTYPE[^>]*>\s*)*<(?:\w+:)?svg[\s>]", re.DOTALL)


def refusal(data: bytes, *, code: str = "") -> UnsupportedPicture:
    """Build the refusal of a file that no decoder takes, for this reason if it is known."""
    code = code or code_of(data)
    return UnsupportedPicture(SENTENCES[code], code=code)


def is_transport_stream(data: bytes) -> bool:
    """Tell an MPEG transport stream by the byte with which each of its packets begins."""
    kinds = ((0, PACKET), (STAMP, PACKET + STAMP))
    return any(data[first : first + step * REPEATED : step] == SYNC * REPEATED for first, step in kinds)


def is_video(data: bytes) -> bool:
    """Whether this begins as a video does."""
    return code_of(data) == "video_not_read"


def code_of(data: bytes) -> str:
    """Why a file is refused that no decoder takes."""
    if not data:
        return "file_empty"
    if data[4:8] == b"ftyp":
        # AVIF is read: one that comes here is damaged. All other brands are films.
        return "format_not_allowed" if data[8:12] in {b"avif", b"avis"} else BRANDS.get(data[8:12], "video_not_read")
    if data[:4] == b"RIFF" and data[8:12] in CONTAINERS:
        return CONTAINERS[data[8:12]]
    if data[128:132] == b"DICM":
        return "dicom_not_read"
    if (data[:1] == b"\0" and data[4:8] in ATOMS) or is_transport_stream(data):
        return "video_not_read"
    for beginning, code in BEGINNINGS.items():
        if data.startswith(beginning):
            return code
    if MARKUP.match(data, 0, LOOKED_AT):
        return "drawing_not_read"
    return "text_not_read" if _is_text(data[:LOOKED_AT]) else "format_not_allowed"


def _is_text(data: bytes) -> bool:
    """Whether this is UTF-8 without control signs; its last letter may be cut."""
    text = data.decode("utf-8", "ignore")
    whole = len(text.encode()) >= len(data) - 3
    return whole and all(sign.isprintable() or sign in "\t\r\n\f\ufeff" for sign in text)
