"""Words read from pictures whose words are known: how many are found, and how long a page takes.

Usage: python -m bench.reading --pictures FOLDER [--pages 20] [--seed 1]

The pictures are drawn evenly over the folders of FOLDER, whose names are what stands on each, such as the company of a
receipt (``GARDENIA_BAKERIES_KL``). A word of the name is found when a word that was read begins with it, as in a
search; words of one letter are not counted. Decoding is not in the times.
"""

from __future__ import annotations

import argparse
import random
import re
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from bench.copies import ENDINGS
from retrieval import reading

CPU = Path("/proc/cpuinfo")


@dataclass(frozen=True)
class Page:
    """What came of one: the words of its name, those of them that were not read, and seconds of clock and processor."""

    words: list[str]
    missed: list[str]
    seconds: float
    processor: float


def named(folder: str) -> list[str]:
    """Return the words of a folder's name."""
    return [word for word in folder.casefold().split("_") if len(word) > 1]


def missed(words: list[str], text: str) -> list[str]:
    """Return those of the words with which no word of a text begins."""
    read = re.findall(r"[^\W_]+", text.casefold())
    return [word for word in words if not any(each.startswith(word) for each in read)]


def drawn(folder: Path, *, pages: int, seed: int) -> list[Path]:
    """Return so many pictures: one of each folder, then a second of each, in an order drawn by the seed."""
    turns = []
    draw = random.Random(seed)
    for each in sorted(path for path in folder.iterdir() if path.is_dir()):
        files = sorted(path for path in each.iterdir() if path.suffix in ENDINGS)
        turns += [(place, draw.random(), file) for place, file in enumerate(draw.sample(files, len(files)))]
    return [file for _, _, file in sorted(turns)[:pages]]


def read(file: Path) -> Page:
    """Read one picture."""
    with Image.open(file) as opened:
        pixels = np.asarray(opened.convert("RGB"))
    began, processor = time.perf_counter(), time.process_time()
    lines = reading.read(pixels)
    took = time.perf_counter() - began, time.process_time() - processor
    words = named(file.parent.name)
    return Page(words, missed(words, "\n".join(line.text for line in lines)), *took)


def _cpu() -> str:
    names = re.findall(r"model name\s*: (.*)", CPU.read_text()) if CPU.exists() else []
    return f"{len(names)} x {names[0]}" if names else "unknown"


def main() -> None:
    """Read the pages and print what came of them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pictures", type=Path, required=True, help="a folder of folders that are named by words")
    parser.add_argument("--pages", type=int, default=20)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    reading.read(np.zeros((32, 32, 3), np.uint8))  # loads the networks
    pages = []
    for file in drawn(options.pictures, pages=options.pages, seed=options.seed):
        pages.append(read(file))
        print(f"{file.parent.name}/{file.name} {pages[-1].processor:.2f} s, missed: {pages[-1].missed}", flush=True)
    words, lost = (
        sum(len(each) for each in found) for found in zip(*((p.words, p.missed) for p in pages), strict=True)
    )
    seconds, processor = (float(np.median([getattr(p, name) for p in pages])) for name in ("seconds", "processor"))
    print(f"{words - lost} of {words} words found ({(words - lost) / words:.1%}) on {len(pages)} pages")
    print(f"a page: median {seconds:.2f} s of clock, {processor:.2f} s of processor, on {_cpu()}")


if __name__ == "__main__":
    main()
