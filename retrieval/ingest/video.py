"""Read a video by the optional PyAV (FFmpeg): when its scenes begin, and the picture with which each does."""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from retrieval.ingest import extras, scenes, sniff, video_facts
from retrieval.ingest.colour import Raster
from retrieval.ingest.facts import Facts
from retrieval.ingest.picture import Part, PictureLimits

av: Any = extras.load("av")
# It imports these only when a file asks for them; by then there are no files.
KINDS = [
    extras.load(f"av.{kind}.{part}") for kind in ("video", "audio", "subtitles") for part in ("codeccontext", "stream")
]

# Name of the format -> FFmpeg's demuxer of it: no other is asked, least of all one that opens further files.
DEMUXERS: Mapping[str, str] = {
    "MP4": "mov", "MOV": "mov", "WEBM": "matroska", "MKV": "matroska", "AVI": "avi", "MPEG": "mpeg",
    "MPEGTS": "mpegts",
}  # fmt: skip
DECODERS = (
    "h264", "hevc", "libdav1d", "vp8", "vp9", "mpeg4", "msmpeg4v2", "msmpeg4", "mpeg1video", "mpeg2video", "h263",
    "mjpeg", "prores", "dvvideo",
)  # fmt: skip
HEAD, QUICKTIME = 64, b"qt  "
# Turned so many degrees against the clock to be upright -> EXIF's orientation.
ORIENTATIONS = {0: 1, 90: 8, 180: 3, 270: 6}
# Seconds between two looks, at least; two times so near are the same.
BETWEEN, NEAR = 1.0, 0.0005
# A look costs as its pixels do: so many in all, which is 600 of full HD.
LOOKED_PIXELS = 600 * 1920 * 1080
# Where a file does not say how its colours are coded, large pictures are of ITU-R BT.709, small ones of BT.601.
HIGH_DEFINITION, UNSAID = 720, 2
MOST_STRETCHED = 4


@dataclass(frozen=True, eq=False)
class Scene:
    """The picture with which a scene begins at this ``second``.

    ``size``: width and height before it is turned by ``orientation``, 1..8 as EXIF has it. ``scenes``: when all of them
    begin, where they were looked for; ``pages``: how many there are; ``facts``: what the file says of this scene.
    """

    raster: Raster
    orientation: int
    facts: Facts
    second: float
    scenes: tuple[float, ...] = ()
    pages: int = 1

    @property
    def size(self) -> tuple[int, int]:
        """Of the raster."""
        return self.raster.image.size


class Film:
    """A video whose header was read. ``size``: width and height as stored, of which every look takes as much memory."""

    def __init__(self, data: bytes) -> None:
        """Raises UnsupportedPicture for what is not read here, and ValueError for damage."""
        self.kind = kind_of(data)
        if not self.kind:
            raise sniff.refusal(data, code="video_kind_not_read")
        self._data = data
        with self._stream() as stream:
            self.size: tuple[int, int] = (stream.codec_context.width, stream.codec_context.height)

    def scene(self, part: Part, *, limits: PictureLimits, every: bool) -> Scene:
        """The scene that begins at the part's second; without one the first, found among ``every`` one if need be.

        Raises ValueError for damage, MemoryError.
        """
        if part.second is not None:
            return replace(self._scene(part.second, limits), pages=part.pages)
        found = self._beginnings(limits, every=every)
        return replace(self._scene(found[0], limits), scenes=found, pages=len(found))

    def _scene(self, second: float, limits: PictureLimits) -> Scene:
        """The key frame of this second, and how it is turned: where the index leads, else wherever it is."""
        for jump in (True, False):
            with self._stream(most_pixels=limits.pixels) as stream:
                if jump:
                    _jump(stream, second)
                frame = _frame_at(stream, second)
                if frame is not None:
                    said = video_facts.read({**stream.metadata, **stream.container.metadata}, second=second)
                    turned = ORIENTATIONS[round(frame.rotation / 90) * 90 % 360]
                    return Scene(Raster(_rgb(frame, stream.sample_aspect_ratio)), turned, said, second)
        raise ValueError("no key frame at this second")

    def _beginnings(self, limits: PictureLimits, *, every: bool) -> tuple[float, ...]:
        """When the scenes begin; the first alone unless ``every`` one is wanted."""
        most = max(1, min(limits.video_looks, LOOKED_PIXELS // max(1, self.size[0] * self.size[1])))
        with self._stream() as stream:
            times = [_second(packet) for packet in _key_packets(stream)]
        wanted = spaced(times, most=most)
        with self._stream(most_pixels=limits.pixels) as stream:
            found = scenes.beginnings(_looks(stream, wanted))
            chosen = (
                scenes.strongest(found, most=min(limits.video_scenes, limits.pages))
                if every
                else tuple(s for s, _ in [*found][:1])
            )
        if not chosen:
            raise ValueError("no key frame that can be decoded")
        return chosen

    @contextmanager
    def _stream(self, *, most_pixels: int = 0) -> Iterator[Any]:
        """Open the file anew and yield its pictures' stream."""
        try:
            known = {"codec_whitelist": ",".join(DECODERS)}
            kind, file = DEMUXERS[self.kind], io.BytesIO(self._data)
            with av.open(file, "r", format=kind, container_options=known, metadata_errors="replace") as opened:
                yield _prepared(opened, self._data, most_pixels)
        except av.FFmpegError as error:
            if isinstance(error, MemoryError):
                raise MemoryError from error
            raise ValueError(str(error)) from error


def kind_of(data: bytes) -> str:
    """The name of the format of what ``sniff`` calls a video; empty for one that is not read here."""
    if data[4:8] == b"ftyp":
        return "MOV" if data[8:12] == QUICKTIME else "MP4"
    if data.startswith(b"\x1a\x45\xdf\xa3"):
        return "WEBM" if b"webm" in data[:HEAD] else "MKV"
    if data.startswith(b"RIFF"):
        return "AVI"
    if data.startswith(b"\0\0\1\xba"):
        return "MPEG"
    if data[4:8] in sniff.ATOMS:
        return "MOV"
    return "MPEGTS" if sniff.is_transport_stream(data) else ""


def spaced(times: list[float], *, most: int) -> set[int]:
    """The numbers of those at least a second apart, or so far that there are no more than ``most``."""
    apart = max(BETWEEN, (max(times, default=0.0) - min(times, default=0.0)) / most)
    chosen: list[int] = []
    for number, second in enumerate(times):
        if len(chosen) < most and (not chosen or second >= times[chosen[-1]] + apart):
            chosen.append(number)
    return set(chosen)


def _prepared(opened: Any, data: bytes, most_pixels: int) -> Any:
    """The first stream that is no cover; one thread decodes it, and only its key frames."""
    covers = av.stream.Disposition.attached_pic | av.stream.Disposition.timed_thumbnails
    found = next((each for each in opened.streams.video if not each.disposition & covers), None)
    if found is None:
        raise sniff.refusal(data, code="sound_not_read") if opened.streams.audio else ValueError("no stream")
    kept = av.stream.Discard
    for each in opened.streams:
        each.discard = kept.nonkey if each is found else kept.all
    context = found.codec_context
    if context is None or context.name not in DECODERS:
        raise sniff.refusal(data, code="video_kind_not_read")
    context.thread_count, context.skip_frame = 1, "NONKEY"
    context.options = {"max_pixels": str(most_pixels)} if most_pixels else {}
    return found


def _key_packets(stream: Any) -> Iterator[Any]:
    """The packets of key frames, in the file's order."""
    for packet in stream.container.demux(stream):
        if packet.is_keyframe and packet.size and (packet.pts is not None or packet.dts is not None):
            yield packet


def _second(packet: Any) -> float:
    """When it is shown, from the beginning of the video on."""
    ticks = packet.dts if packet.pts is None else packet.pts
    return max(0.0, float((ticks - (packet.stream.start_time or 0)) * packet.stream.time_base))


def _decoded(packet: Any) -> Any | None:
    """The frame of a packet by itself; None where it is damaged."""
    context = packet.stream.codec_context
    frames: list[Any] = []
    with suppress(av.error.InvalidDataError, av.error.EOFError):
        frames += context.decode(packet)
        frames += context.decode(None)
    context.flush_buffers()
    return frames[0] if frames else None


def _looks(stream: Any, wanted: set[int]) -> Iterator[tuple[float, NDArray[np.uint8]]]:
    """Yield seconds and looks of the key frames of these numbers."""
    shrink = av.video.reformatter.VideoReformatter()
    for number, packet in enumerate(_key_packets(stream)):
        frame = _decoded(packet) if number in wanted else None
        if frame is not None:
            small = shrink.reformat(frame, scenes.SIDE, scenes.SIDE, "rgb24", interpolation="AREA", threads=1)
            yield _second(packet), small.to_ndarray()


def _jump(stream: Any, second: float) -> None:
    """Go to the key frame at this second or before it; where the format has no index, it may be one behind it."""
    with suppress(av.FFmpegError):
        stream.container.seek(round(second / stream.time_base) + (stream.start_time or 0), stream=stream)


def _frame_at(stream: Any, second: float) -> Any | None:
    """The first key frame of this second from here on; None where there is none."""
    at_it = (packet for packet in _key_packets(stream) if abs(_second(packet) - second) <= NEAR)
    return next((frame for packet in at_it if (frame := _decoded(packet)) is not None), None)


def _rgb(frame: Any, pixel_shape: Any) -> Image.Image:
    """The frame in red, green and blue, its pixels made square."""
    shape = float(pixel_shape or 1)
    width = round(frame.width * shape) if 1 / MOST_STRETCHED <= shape <= MOST_STRETCHED else frame.width
    unsaid = frame.colorspace == UNSAID
    source = ("ITU709" if frame.height >= HIGH_DEFINITION else "ITU601") if unsaid else None
    painter = av.video.reformatter.VideoReformatter()
    painted = painter.reformat(frame, max(1, width), frame.height, "rgb24", source, interpolation="BICUBIC", threads=1)
    return Image.fromarray(painted.to_ndarray())
