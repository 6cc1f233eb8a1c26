"""Time and memory of a whole evaluation: figures, intervals, classes, confusions, JSON and Markdown.

Usage: python bench/evaluate.py [ITEMS] [DIMENSION] [CLASSES]
"""

from __future__ import annotations

import json
import resource
import sys
import time

import numpy as np

from retrieval.evaluation import markdown, protocol, report
from retrieval.evaluation.protocol import LabelledSet, Plan


def made_up(items: int, dimension: int, classes: int) -> LabelledSet:
    """Noisy clusters, half of them overlapping, so that neither the figures nor the ties are trivial."""
    generator = np.random.default_rng(0)
    labels = generator.integers(0, classes, items)
    centres = generator.standard_normal((classes, dimension), dtype=np.float32)
    vectors = centres[labels] + 3 * generator.standard_normal((items, dimension), dtype=np.float32)
    names = tuple(f"class {number}" for number in range(classes))
    return LabelledSet(vectors, labels, names, tuple(f"item {number}" for number in range(items)))


def main() -> None:
    """Measure once and print one line."""
    items, dimension, classes = (int(text) for text in (*sys.argv[1:], *("10000", "256", "100")[len(sys.argv) - 1 :]))
    gallery, plan = made_up(items, dimension, classes), Plan()
    start = time.perf_counter()
    outcome = protocol.evaluate(gallery, plan=plan)
    ranked = time.perf_counter()
    built = report.build(report.Trial(outcome, gallery, None, plan), report.Subject("made up", "clusters", "0" * 64))
    json.dumps(built.to_dict(), allow_nan=False)
    markdown.render([built])
    end = time.perf_counter()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print(
        f"{items} x {dimension}, {classes} classes: {end - start:.1f} s ({ranked - start:.1f} ranking and scoring, "
        f"{end - ranked:.1f} report), peak {peak:.2f} GiB of the whole process, mAP {built.overall['mAP']}"
    )


if __name__ == "__main__":
    main()
