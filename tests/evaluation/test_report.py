"""Reports: averages, paired differences, confusions and worst queries against plain counting; JSON without NaN."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import astuple

import numpy as np
import pytest

from retrieval.errors import InvalidInput
from retrieval.evaluation import markdown, plots, protocol, report
from retrieval.evaluation.bootstrap import Bootstrap, intervals
from retrieval.evaluation.protocol import LabelledSet, Plan

PLAN = Plan(bootstrap=Bootstrap(resamples=100))
SUBJECT = report.Subject(encoder="small-v1", dataset="zoo", digest="d" * 64)


def labelled(*, noise=1.5, groups=None, size=60):
    generator = np.random.default_rng(0)
    labels = np.append(generator.integers(0, 3, size - 1), 3)
    vectors = generator.normal(size=(4, 8))[labels] + noise * generator.normal(size=(size, 8))
    return LabelledSet(vectors, labels, ("cat", "dog", "a|b", "alone"), tuple(f"i{n}" for n in range(size)), groups)


def trial_of(items, *, plan=PLAN, queries=None):
    return report.Trial(protocol.evaluate(items, queries=queries, plan=plan), items, queries, plan)


@pytest.fixture
def trial():
    return trial_of(labelled())


@pytest.fixture
def built(trial):
    return report.build(trial, SUBJECT)


def test_figures_are_means_over_the_judged_queries(trial, built):
    judged = trial.outcome.scores[:59]
    for column, name in enumerate(trial.outcome.names):
        assert built.overall[name].mean == pytest.approx(judged[:, column].mean())
        assert built.overall[name].low <= built.overall[name].mean <= built.overall[name].high
    assert built.sizes == report.Sizes(gallery=60, queries=60, left_out=1, dimension=8)
    assert built.protocol == "leave-one-out"


def test_classes_have_their_own_figures_and_count_alike_in_the_balanced_mean(trial, built):
    precision, labels = trial.outcome.scores[:, 0], trial.asked.labels
    assert [each.name for each in built.classes] == ["cat", "dog", "a|b"]
    means = [precision[labels == label].mean() for label in range(3)]
    assert [each.figures["mAP"].mean for each in built.classes] == pytest.approx(means)
    assert [each.queries for each in built.classes] == [(labels == label).sum() for label in range(3)]
    assert built.balanced["mAP"] == pytest.approx(np.mean(means))


def test_the_cmc_curve_starts_at_cmc_1_and_never_falls(built):
    assert built.cmc[0] == pytest.approx(built.overall["CMC@1"].mean)
    assert built.cmc[9] == pytest.approx(built.overall["CMC@10"].mean)
    assert list(built.cmc) == sorted(built.cmc)
    assert len(built.cmc) == PLAN.depth


def test_confusions_count_wrong_first_answers(trial, built):
    items, expected = trial.asked, Counter()
    for row in range(59):
        wanted, found = items.labels[row], items.labels[trial.outcome.top[row, 0]]
        if wanted != found:
            expected[items.classes[wanted], items.classes[found]] += 1
    assert {(each.wanted, each.found): each.count for each in built.confusions} == expected
    assert [each.count for each in built.confusions] == sorted(expected.values(), reverse=True)
    for each in built.confusions:
        query, found = items.items.index(each.query_item), items.items.index(each.found_item)
        assert (items.classes[items.labels[query]], items.classes[items.labels[found]]) == (each.wanted, each.found)
        assert each.share == each.count / (items.labels == items.classes.index(each.wanted)).sum()


def test_the_worst_queries_come_first_with_what_they_were_given(trial, built):
    precision = trial.outcome.scores[:59, 0]
    assert [each.average_precision for each in built.worst] == pytest.approx(sorted(precision)[: report.SHOWN])
    worst = built.worst[0]
    row = trial.asked.items.index(worst.item)
    assert [answer.item for answer in worst.answers] == [f"i{item}" for item in trial.outcome.top[row, :5]]
    assert worst.first_rank == trial.outcome.first[row] + 1


def test_groups_are_reported_and_drawn_as_one():
    items = labelled(groups=np.repeat(np.arange(20), 3))
    ignored = report.build(trial_of(items), SUBJECT)
    trial = trial_of(items, plan=Plan(group_rule="count", bootstrap=PLAN.bootstrap))
    counted = report.build(trial, SUBJECT)
    assert ignored.own_group_first is None
    assert counted.own_group_first == pytest.approx(trial.outcome.own_group_first[:59].mean())
    expected = intervals(trial.outcome.scores[:59, :1], units=np.repeat(np.arange(20), 3)[:59], how=PLAN.bootstrap)
    assert astuple(counted.overall["mAP"]) == pytest.approx(astuple(expected[0]))


def test_items_without_a_group_are_drawn_one_by_one():
    groups = np.array([5, 5, protocol.ALONE, protocol.ALONE] * 15)
    units = trial_of(labelled(groups=groups), plan=Plan(group_rule="exclude")).units
    assert (units[:2] == 5).all()
    assert len(set(units.tolist())) == 31


def test_query_and_gallery_are_counted_apart():
    built = report.build(trial_of(labelled(), queries=labelled(noise=1, size=20)), SUBJECT)
    assert built.protocol == "query-gallery"
    assert (built.sizes.gallery, built.sizes.queries) == (60, 20)


def test_a_paired_difference_is_narrower_than_its_parts(trial, built):
    better = trial_of(labelled(noise=1.4))
    gain = report.difference(better, other=trial)["mAP"]
    expected = (better.outcome.scores - trial.outcome.scores)[:59, 0]
    assert astuple(gain) == pytest.approx(astuple(intervals(expected[:, None], how=PLAN.bootstrap)[0]))
    assert gain.high - gain.low < built.overall["mAP"].high - built.overall["mAP"].low
    with pytest.raises(InvalidInput, match="same queries"):
        report.difference(trial, other=trial_of(labelled(size=50)))


def test_nothing_to_judge_is_an_error():
    items = LabelledSet(np.eye(2), np.array([0, 1]), ("a", "b"), ("x", "y"))
    with pytest.raises(InvalidInput, match="nothing to measure"):
        report.build(trial_of(items), SUBJECT)


def test_json_is_strict(built):
    data = json.loads(json.dumps(built.to_dict(), allow_nan=False))
    assert report.Report.from_dict(data) == built
    assert data["overall"]["mAP"]["mean"] == built.overall["mAP"].mean
    assert data["plan"]["group_rule"] == "ignore"
    assert data["subject"]["encoder"] == "small-v1"


def test_markdown_shows_every_encoder_and_escapes_class_names(trial, built):
    other = report.build(trial_of(labelled(noise=1)), report.Subject("small-v2", "zoo", "d" * 64))
    text = markdown.render([built, other], differences={"small-v2": report.difference(trial, other=trial)})
    assert "| small-v1 (8) | small-v2 (8) |" in text
    assert f"| mAP | {built.overall['mAP']} | {other.overall['mAP']} |" in text
    assert "small-v1 minus small-v2" in text
    assert "a\\|b" in text
    widths = [{line.replace("\\|", "").count("|") for line in block.splitlines()} for block in text.split("\n\n")]
    assert all(len(counts) == 1 for counts in widths)


def test_markdown_of_a_perfect_encoder_has_no_confusions():
    built = report.build(trial_of(labelled(noise=0)), SUBJECT)
    assert built.confusions == ()
    assert "Wrong first answers" not in markdown.render([built])


@pytest.mark.parametrize("plot", [plots.overall_bars, plots.class_bars, plots.cmc_curves])
def test_plots_are_well_formed_and_hold_nothing_active(plot, built):
    from xml.etree import ElementTree

    odd = report.build(trial_of(labelled()), report.Subject('<script>"&', "zoo", ""))
    root = ElementTree.fromstring(plot([built, odd]))
    texts = [node.text for node in root.iter("{http://www.w3.org/2000/svg}text")]
    assert "small-v1" in texts
    assert '<script>"&' in texts
    assert not [node for node in root.iter() if node.tag.endswith("script") or "style" in node.attrib]


def test_bars_are_as_long_as_the_figures(built):
    from xml.etree import ElementTree

    root = ElementTree.fromstring(plots.overall_bars([built], names=["mAP"]))
    bars = [float(node.get("width")) for node in root.iter("{http://www.w3.org/2000/svg}rect")][1:]
    assert bars == [pytest.approx(plots.WIDTH * built.overall["mAP"].mean, abs=0.05)]


def test_long_class_names_do_not_run_out_of_the_picture():
    items = labelled()
    long = LabelledSet(items.vectors, items.labels, ("x" * 40, "dog", "cow", "alone"), items.items)
    drawn = plots.class_bars([report.build(trial_of(long), SUBJECT)])
    assert "x" * 21 + "…" in drawn
    assert "x" * 22 not in drawn
