"""Files decoded batch by batch in the sandbox, ahead of the networks that turn them into vectors."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from retrieval import conf
from retrieval.errors import RetrievalError, TooLarge, UnsupportedPicture
from retrieval.ingest import sandbox
from retrieval.progress import Progress

Floats = NDArray[np.float32]
Pixels = NDArray[np.uint8]
"""Told what is being done, how many are done, and of how many."""

BATCH = 32


class Encodes(Protocol):
    """Whatever turns pictures into raw vectors."""

    def encode(self, images: Sequence[Pixels]) -> Floats:
        """Pictures uint8 (H, W, 3) -> raw vectors (N, D)."""


@dataclass(frozen=True)
class Seen:
    """What came out of files: positions of the readable ones, their SHA-256s, and vectors (n, D) by each encoder."""

    positions: list[int]
    contents: list[str]
    vectors: list[Floats]

    def unreadable(self, names: Sequence[str]) -> tuple[str, ...]:
        """Of the files' names those that are no pictures."""
        readable = set(self.positions)
        return tuple(name for number, name in enumerate(names) if number not in readable)


def encode(paths: Sequence[Path], live: Sequence[Encodes], *, progress: Progress) -> Seen:
    """Decode each file once and encode it by every encoder; ``progress`` is told "encoding"."""
    positions: list[int] = []
    contents: list[str] = []
    vectors: list[list[Floats]] = [[] for _ in live]
    done = 0
    for batch in _batches(paths):
        readable = [
            (number, content, pixels) for number, (content, pixels) in enumerate(batch, done) if pixels is not None
        ]
        positions += [number for number, _, _ in readable]
        contents += [content for _, content, _ in readable]
        for encoder, found in zip(live, vectors, strict=True):
            if readable:
                found.append(encoder.encode([pixels for _, _, pixels in readable]))
        done += len(batch)
        progress("encoding", done, len(paths))
    return Seen(
        positions, contents, [np.concatenate(found) if found else np.empty((0, 0), np.float32) for found in vectors]
    )


def drawn(count: int, *, most: int, seed: int = 0) -> list[int]:
    """Rising numbers below ``count``, at most so many, drawn by the seed."""
    chosen: list[int] = np.sort(np.random.default_rng(seed).permutation(count)[:most]).tolist()
    return chosen


def sample(paths: Sequence[Path], *, most: int, progress: Progress) -> Iterator[Pixels]:
    """The pictures (H, W, 3) of at most so many of the files, always the same; unreadable ones are left out.

    ``progress`` is told "calibrating", which is what a sample is for.
    """
    chosen, done = [paths[number] for number in drawn(len(paths), most=most)], 0
    for batch in _batches(chosen):
        done += len(batch)
        progress("calibrating", done, len(chosen))
        yield from (found for _, found in batch if found is not None)


def _batches(paths: Sequence[Path]) -> Iterator[list[tuple[str, Pixels | None]]]:
    """Decode batch by batch, the next one while the caller works on this one; never more in memory than two."""
    cuts = [paths[start : start + BATCH] for start in range(0, len(paths), BATCH)]
    if not cuts:
        return
    with ThreadPoolExecutor(conf.get().decode_processes, thread_name_prefix="decode") as pool:
        ahead = pool.map(_read, cuts[0])
        for following in [*cuts[1:], []]:
            current, ahead = list(ahead), pool.map(_read, following)
            yield current


def _read(path: Path) -> tuple[str, Pixels | None]:
    """A file's SHA-256 and its pixels, None when it is gone or no picture.

    A decoder that is busy or broken is an error: a score over whatever happened to be decoded would be a lie.
    """
    try:
        data = path.read_bytes()
        found = sandbox.query(data).pixels
    except FileNotFoundError:
        return "", None
    except (UnsupportedPicture, TooLarge) as error:
        if error.code in sandbox.PASSING:
            raise RetrievalError(f"{path}: {error.message}", code=error.code) from error
        found = None
    return hashlib.sha256(data).hexdigest(), found
