"""What putting a 640x480 JPEG in costs, part by part: decoding, thumbnails, the sandbox around them, a child's start.

Usage: python -m bench.ingest [--pictures 60] [--json FILE] [--against CHECKOUT [--rounds 5]]

``cpu`` is processor time of this process, which a busy machine does not change; ``wall`` is what a caller waits.
With ``--against`` this checkout and another take turns; the medians stand beside each other, with their ratio.
"""

from __future__ import annotations

import argparse
import io
import json
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from retrieval.ingest import thumbnails
from retrieval.ingest.decode import decode
from retrieval.ingest.fingerprint import pdq, sha256
from retrieval.ingest.picture import DecodeRequest
from retrieval.ingest.process import Child, ChildLimits
from retrieval.ingest.sandbox import PoolSettings, Sandbox

UPLOAD = DecodeRequest(thumbnail_sizes=(320, 1280))
QUERY = DecodeRequest(working_side=512)
STARTS = 5


def photographs(count: int) -> list[bytes]:
    """JPEGs of 640 x 480 at quality 85 with areas, edges and sensor noise: about 60 kB each, as from a camera."""
    draw = np.random.default_rng(0)
    made = []
    for _ in range(count):
        coarse = Image.fromarray(draw.integers(0, 256, (12, 16, 3), dtype=np.uint8))
        smooth = np.asarray(coarse.resize((640, 480), Image.Resampling.BICUBIC), np.float32)
        noisy = np.clip(smooth + draw.normal(0, 5, (480, 640, 1)), 0, 255).astype(np.uint8)
        out = io.BytesIO()
        Image.fromarray(noisy).save(out, "JPEG", quality=85)
        made.append(out.getvalue())
    return made


def cpu(act: Callable[[bytes], object], files: Sequence[bytes]) -> float:
    """Processor milliseconds per file of this process."""
    act(files[0])
    began = time.process_time()
    for data in files:
        act(data)
    return (time.process_time() - began) / len(files) * 1000


def wall(act: Callable[[bytes], object], files: Sequence[bytes]) -> float:
    """Median milliseconds per file by the clock."""
    act(files[0])
    times = []
    for data in files:
        began = time.perf_counter()
        act(data)
        times.append(time.perf_counter() - began)
    return statistics.median(times) * 1000


def parts(files: Sequence[bytes]) -> dict[str, float]:
    """Processor time of each step by itself."""
    pictures = dict(zip(files, (Image.open(io.BytesIO(data)).convert("RGB") for data in files), strict=True))
    small = {data: thumbnails.to_long_side(picture, 320) for data, picture in pictures.items()}
    return {
        "sha256 cpu": cpu(sha256, files),
        "jpeg decode cpu": cpu(lambda data: Image.open(io.BytesIO(data)).load(), files),
        "thumbnail 320 cpu": cpu(lambda data: thumbnails.encode(thumbnails.to_long_side(pictures[data], 320)), files),
        "thumbnail 1280 cpu": cpu(lambda data: thumbnails.encode(pictures[data]), files),
        "pdq cpu": cpu(lambda data: pdq(small[data]), files),
        "upload cpu": cpu(lambda data: decode(data, UPLOAD), files),
        "query cpu": cpu(lambda data: decode(data, QUERY), files),
    }


def sandbox(files: Sequence[bytes]) -> dict[str, float]:
    """What the child process adds to a query and to an upload, by the clock and to this process."""
    found: dict[str, float] = {}
    pool = Sandbox(PoolSettings(processes=1))
    for name, request in (("query", QUERY), ("upload", UPLOAD)):
        here = wall(lambda data, request=request: decode(data, request), files)
        there = wall(lambda data, request=request: pool.decode(data, request), files)
        found[f"{name} wall here"] = here
        found[f"{name} wall in sandbox"] = there
        found[f"{name} sandbox adds"] = there - here
        found[f"{name} parent cpu"] = cpu(lambda data, request=request: pool.decode(data, request), files)
    pool.close()
    return found


def starts() -> dict[str, float]:
    """Start of a child until it is ready, by the clock and in processor time of the child."""
    times, before = [], resource.getrusage(resource.RUSAGE_CHILDREN)
    for _ in range(STARTS):
        began = time.perf_counter()
        child = Child(ChildLimits())
        times.append(time.perf_counter() - began)
        child.stop()
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return {"child start wall": min(times) * 1000, "child start cpu": used / STARTS * 1000}


def elsewhere(checkout: Path, pictures: int) -> dict[str, float]:
    """The figures of a checkout, measured by its own bench in a process of its own."""
    with tempfile.NamedTemporaryFile(suffix=".json") as file:
        words = [sys.executable, "-m", "bench.ingest", "--pictures", str(pictures), "--json", file.name]
        subprocess.run(words, cwd=checkout, check=True, stdout=subprocess.DEVNULL)
        found: dict[str, float] = json.loads(Path(file.name).read_text())
    return found


def compare(other: Path, *, pictures: int, rounds: int) -> None:
    """Print the median of so many rounds of both, taken in turns, for every figure that both know."""
    here = Path(__file__).resolve().parents[1]
    pairs = [(elsewhere(other, pictures), elsewhere(here, pictures)) for _ in range(rounds)]
    print(f"medians of {rounds} rounds in turns; milliseconds {'there':>16} {'here':>8} {'ratio':>7}")
    for name in (name for name in pairs[0][1] if name in pairs[0][0]):
        there, ours = (statistics.median(pair[side][name] for pair in pairs) for side in (0, 1))
        print(f"{name:42} {there:8.2f} {ours:8.2f} {ours / there:7.2f}")


def main() -> None:
    """Measure, print a table, and write JSON when asked."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pictures", type=int, default=60)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--against", type=Path)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    if options.against:
        compare(options.against, pictures=options.pictures, rounds=options.rounds)
        return
    files = photographs(options.pictures)
    found = {**parts(files), **sandbox(files), **starts()}
    print(f"{len(files)} JPEGs of 640x480, {sum(map(len, files)) / len(files) / 1000:.0f} kB each; milliseconds")
    for name, value in found.items():
        print(f"{name:24} {value:8.2f}")
    if options.json:
        options.json.write_text(json.dumps(found, indent=2))


if __name__ == "__main__":
    main()
