"""All measurements one after another: ``python -m bench``; each prints, and stores its figures in bench/results/."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

RESULTS = Path(__file__).resolve().parent / "results"
PARTS = {
    "encode": [],
    "fairness": [],
    "ingest": [],
    "pipeline": [],
    "search-10k": ["--rows", "10000"],
    "search-100k": ["--rows", "100000"],
    "library": [],
    "pages": [],
    "site": [],
    "browsing": [],
    "batches": [],
    "watches": [],
    "held": [],
}


def main() -> int:
    """Run every part in a process of its own; returns how many of them failed."""
    RESULTS.mkdir(exist_ok=True)
    failed = 0
    for name, arguments in PARTS.items():
        print(f"\n== {name}", flush=True)
        module = f"bench.{name.partition('-')[0]}"
        file = RESULTS / f"{name}.json"
        ended = subprocess.run([sys.executable, "-m", module, *arguments, "--json", str(file)], check=False)
        failed += ended.returncode != 0
    return failed


if __name__ == "__main__":
    sys.exit(main())
