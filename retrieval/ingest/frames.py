"""Count the frames of an animation from its structure alone, without decoding and with an early stop."""

from __future__ import annotations

from PIL import Image

GIF_FIRST_BLOCK = 13
EXTENSION, DESCRIPTOR = 0x21, 0x2C


def count_frames(image: Image.Image, data: bytes, *, most: int) -> int:
    """Return how many frames the animation has; for a GIF counting stops just above ``most``.

    The pages of a TIFF and the extra pictures of a camera's JPEG are not frames: they are never read.
    """
    if image.format == "GIF":
        return _gif_frames(data, most)
    if image.format in {"PNG", "WEBP", "AVIF"}:
        return int(getattr(image, "n_frames", 1))
    return 1


def _gif_frames(data: bytes, most: int) -> int:
    """Walk the blocks of a GIF (GIF89a specification, appendix A); damage ends the walk."""
    frames, at = 0, GIF_FIRST_BLOCK + _table_bytes(data, 10)
    while at < len(data) and frames <= most:
        if data[at] == EXTENSION:
            at = _after_sub_blocks(data, at + 2)
        elif data[at] == DESCRIPTOR:
            frames += 1
            at = _after_sub_blocks(data, at + 11 + _table_bytes(data, at + 9))
        else:
            break
    return frames


def _table_bytes(data: bytes, flags_at: int) -> int:
    """Length of the colour table that the flags byte announces."""
    flags = data[flags_at] if flags_at < len(data) else 0
    return 3 * 2 ** ((flags & 7) + 1) if flags & 0x80 else 0


def _after_sub_blocks(data: bytes, at: int) -> int:
    """Skip the sub-blocks that start at ``at``: each has a length byte, a zero ends them."""
    while at < len(data) and data[at]:
        at += data[at] + 1
    return at + 1
