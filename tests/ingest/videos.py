"""Small videos, written by PyAV: drawn scenes one after the other."""

from __future__ import annotations

import io
from fractions import Fraction

import numpy as np
import pytest

from retrieval.ingest import extras
from tests.ingest.pictures import scene

av = extras.load("av")
needs_av = pytest.mark.skipif(av is None, reason="make extras-video brings PyAV")
SIZE, RATE = (96, 64), 4
CODECS = {
    "mp4": ("libx264", {"preset": "ultrafast", "x264-params": "scenecut=0:keyint=4:min-keyint=4"}),
    "mov": ("mjpeg", {}),
    "webm": ("libvpx", {"deadline": "realtime", "cpu-used": "8"}),
    "matroska": ("libx264", {"preset": "ultrafast", "x264-params": "keyint=4:min-keyint=4"}),
    "avi": ("mpeg4", {}),
    "mpeg": ("mpeg2video", {}),
    "mpegts": ("mpeg2video", {}),
}
NAMES = {"matroska": "MKV"}
SCENES = {1: 3, 2: 4, 3: 2}
"""Seed of each scene -> how many seconds it lasts."""


def drawn(seconds, *, size=SIZE):
    """The frames of these scenes."""
    return [np.asarray(scene(*size, seed=seed)) for seed, lasts in seconds.items() for _ in range(lasts * RATE)]


def video(frames=None, kind="mp4", *, times=None, turned=0, shape=None, tags=None, colours=None, options=None):
    """A file of these frames; ``times``: of each, in thousandths of a second, where they are not even."""
    frames, (codec, settings), out = drawn(SCENES) if frames is None else frames, CODECS[kind], io.BytesIO()
    base = Fraction(1, RATE) if times is None else Fraction(1, 1000)
    with av.open(out, "w", format=kind, options=options or {}) as opened:
        opened.metadata.update(tags or {})
        stream = opened.add_stream(codec, rate=RATE, options=settings)
        stream.height, stream.width = frames[0].shape[:2]
        stream.pix_fmt = "yuvj420p" if codec == "mjpeg" else "yuv420p"
        context = stream.codec_context
        context.gop_size, context.max_b_frames, context.time_base = RATE, 0, base
        if shape:
            context.sample_aspect_ratio = Fraction(*shape)
        if turned:
            stream.set_display_rotation(turned)
        for number, pixels in enumerate(frames):
            frame = av.VideoFrame.from_ndarray(pixels, format="rgb24")
            frame = frame.reformat(format=stream.pix_fmt, dst_colorspace=colours) if colours else frame
            frame.pts, frame.time_base = number if times is None else times[number], base
            opened.mux(stream.encode(frame))
        opened.mux(stream.encode(None))
    return out.getvalue()


def sound(*, cover=False):
    """An MP4 of sound alone, or with a picture on its cover."""
    out = io.BytesIO()
    with av.open(out, "w", format="mp4") as opened:
        stream = opened.add_stream("aac", rate=8000, layout="mono")
        if cover:
            front = opened.add_stream("mjpeg", rate=1, width=64, height=48, pix_fmt="yuvj420p")
            front.disposition = av.stream.Disposition.attached_pic
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), format="fltp", layout="mono")
        frame.rate, frame.pts = 8000, 0
        opened.mux(stream.encode(frame))
        opened.mux(stream.encode(None))
        if cover:
            opened.mux(front.encode(av.VideoFrame.from_ndarray(np.asarray(scene()), format="rgb24")))
            opened.mux(front.encode(None))
    return out.getvalue()
