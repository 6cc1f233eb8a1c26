"""Made-up and damaged files through the real sandbox: each is a picture or a refusal, and this process lives on."""

from __future__ import annotations

import os
from collections import Counter

import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from retrieval.errors import RetrievalError
from retrieval.ingest import sandbox
from tests.ingest.dicoms import dicom, ramp
from tests.ingest.pictures import FORMATS, encoded, sample, scene
from tests.ingest.videos import CODECS, av, drawn, video

MORE = int(os.environ.get("IMAGESEARCH_FUZZ_FILES", "0"))
SAMPLES = {
    **{kind: sample(kind) for kind in FORMATS},
    "PDF": sample("PDF"),
    "DICOM": dicom(ramp(), WindowCenter=40, WindowWidth=100),
    "RLE DICOM": dicom(ramp(), packed=True),
    "pages": encoded(scene(), "TIFF", save_all=True, append_images=[scene(seed=1)]),
    **{kind: video(drawn({1: 1, 2: 1}), kind) for kind in CODECS if av},
}
SIZES = [b"\x00" * 4, b"\xff" * 4, b"\x7f\xff\xff\xff", b"\x00\x01\x00\x00", b"\x00\x00\x00\x01"]


@st.composite
def damaged(draw):
    """A picture whose bits are flipped, which is cut, spliced with another, stretched, or lies about a size."""
    data = bytearray(SAMPLES[draw(st.sampled_from(sorted(SAMPLES)))])
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, max(0, len(data) - 1)))
        match draw(st.sampled_from(["flip", "cut", "splice", "insert", "repeat", "size"])):
            case "flip" if data:
                data[at] ^= 1 << draw(st.integers(0, 7))
            case "cut":
                del data[at:]
            case "splice":
                other = SAMPLES[draw(st.sampled_from(sorted(SAMPLES)))]
                data[at:] = other[draw(st.integers(0, len(other))) :]
            case "insert":
                data[at:at] = draw(st.binary(max_size=64))
            case "repeat":
                data[at:at] = data[at : at + draw(st.integers(0, 256))]
            case "size":
                data[at : at + 4] = draw(st.sampled_from(SIZES))
    return bytes(data)


def test_a_damaged_file_is_a_picture_or_a_refusal(record_property):
    ends = Counter()

    @settings(max_examples=MORE or 100, deadline=None, derandomize=not MORE, database=None,
              suppress_health_check=list(HealthCheck))  # fmt: skip
    @given(st.one_of(damaged(), damaged(), damaged(), st.binary(max_size=2000)))
    def tried(data):
        try:
            decoded = sandbox.upload(data)
        except RetrievalError as error:
            ends[error.code] += 1
            return
        ends["picture"] += 1
        assert np.isfinite(decoded.pixels).all()
        assert decoded.pixels.shape[2] == 3

    tried()
    assert "picture" in ends
    assert len(ends) > 2
    record_property("figure", f"{ends.total():,} damaged files: {dict(ends.most_common())}")
