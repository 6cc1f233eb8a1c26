"""``make bench`` measures everything there is to measure, and each part of it is a program that can be run alone."""

from __future__ import annotations

import re
from pathlib import Path
from types import SimpleNamespace

import psutil

from bench import __main__ as bench
from bench import site

ROOT = Path(__file__).resolve().parent.parent
BY_HAND = {"copies", "copies_scan", "evaluate", "letterheads", "licences", "reading", "sbom"}
SHARED = {"backend", "plans", "points", "rows"}


def test_make_bench_runs_all_parts():
    lines = re.search(r"^bench:.*\n((?:\t.*\n)+)", (ROOT / "Makefile").read_text(), re.M)[1]
    assert lines == "\t$(PY) -m bench\n"


def test_every_measurement_is_a_part():
    programs = {path.stem for path in (ROOT / "bench").glob("*.py")} - {"__init__", "__main__"} - BY_HAND - SHARED
    assert {name.partition("-")[0] for name in bench.PARTS} == programs


def test_each_part_runs_in_a_process_of_its_own_and_stores_its_figures(monkeypatch, tmp_path):
    ran = []
    monkeypatch.setattr(bench, "RESULTS", tmp_path / "results")
    monkeypatch.setattr(bench.subprocess, "run", lambda words, **_: ran.append(words) or Ended(len(ran) == 1))
    assert bench.main() == 1
    assert [words[2] for words in ran] == [f"bench.{name.partition('-')[0]}" for name in bench.PARTS]
    assert {words[-1] for words in ran} == {str(tmp_path / "results" / f"{name}.json") for name in bench.PARTS}


def test_a_process_that_ends_while_memory_is_measured_is_left_out():
    gone, web = Process(["imagesearch.front"]), Process(["python", "-m", "imagesearch.front"], pss=3 * 2**20)
    gone.memory_full_info = lambda: (_ for _ in ()).throw(psutil.NoSuchProcess(1))
    main = Process(["python", "manage.py", "up"], pss=2**20, children=[gone, web])
    assert site.memory(SimpleNamespace(process=main)) == {"supervisor": 1, "web": 3}


class Process:
    """What is asked of a process."""

    def __init__(self, words, *, pss=0, children=()):
        self.cmdline = lambda: words
        self.memory_full_info = lambda: SimpleNamespace(pss=pss)
        self.children = lambda *, recursive: list(children)


class Ended:
    """How a part ended."""

    def __init__(self, failed):
        self.returncode = int(failed)
