"""The table of smaller encoders: every row's figures recomputed by hand, and adopted rows that work."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from io import StringIO

import numpy as np
import pytest
from django.conf import settings
from django.core.management import CommandError, call_command
from django.test import override_settings
from PIL import Image as Pillow

from retrieval import live_encoders
from retrieval.compression import Bench, Table, build, codes, measuring, shrunk, slug, storing
from retrieval.embedding import Encoder, EncoderSpec, checkpoint
from retrieval.errors import Conflict, InvalidInput, WeightsError
from retrieval.evaluation import metrics
from retrieval.models import Encoder as Row
from retrieval.services.encoders import compression
from retrieval.services.encoders.compression import Wanted
from retrieval.services.evaluation.labelled import Folder
from retrieval.training import loop
from retrieval.training.loop import Diverged

pytestmark = pytest.mark.django_db

SPEC = EncoderSpec("mobilenet_v2", image_size=32, widths=(32, *[16] * 16, 64))
WANTED = Wanted(dimensions=(16, 2000), keep=0.5, steps=2)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Thirty-six stripes in three colours and random phases."""
    generator, root = np.random.default_rng(0), tmp_path_factory.mktemp("pictures") / "stripes"
    for number in range(36):
        picture = generator.integers(0, 60, (32, 32, 3), dtype=np.uint8)
        picture[number % 5 :: 5, :, number % 3] = 250
        path = root / ("red", "green", "blue")[number % 3] / f"{number:02}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Pillow.fromarray(picture).save(path)
    return root


@pytest.fixture(scope="module", autouse=True)
def quick(tmp_path_factory):
    """Folders of its own, torch alone, short scans: neither speeds nor runtimes are tested here."""
    home = tmp_path_factory.mktemp("home")
    own = replace(settings.IMAGESEARCH, data_dir=home / "data", weights_dir=home / "weights")
    with pytest.MonkeyPatch.context() as patch, override_settings(IMAGESEARCH=own):
        patch.setattr("retrieval.embedding.use_quickest", lambda encoder, **_: encoder)
        patch.setattr(storing, "SEARCHED", 50)
        patch.setattr(measuring, "SPEED_ROUNDS", 1)
        patch.setattr(loop, "measured", lambda *_: {"float32": 1.0})
        yield


@pytest.fixture(scope="module")
def unsaved(quick):
    """The row of a weights file, before it is in any database."""
    own = settings.IMAGESEARCH.weights_dir
    own.mkdir()
    digest = checkpoint.save(Encoder(SPEC), own / "whole.safetensors")
    return Row(name="whole", spec=SPEC.to_dict(), dimension=64, weights_name="whole.safetensors", weights_sha256=digest)


@pytest.fixture
def source(unsaved):
    unsaved.save(force_insert=True)
    return unsaved


def silent(*_):
    return None


@pytest.fixture(scope="module")
def workshop(tmp_path_factory):
    """Where the weights are left, and all that was told."""
    told = []
    shop = compression.workshop_in(tmp_path_factory.mktemp("kept"), lambda *step: told.append(step))
    return shop, told


@pytest.fixture(scope="module")
def kept(workshop):
    return workshop[0].folder


@pytest.fixture(scope="module")
def table(unsaved, folder, workshop):
    return compression.run(unsaved, source=Folder(folder), wanted=WANTED, workshop=workshop[0])


def test_the_table_has_a_measured_row_for_each_way(table):
    names = ["full", "half", "bits", "int8", "pca-16", "pruned-50%"]
    assert [row.name for row in table.rows] == names
    adoptable = [row.name for row in table.rows if row.sha256]
    assert adoptable == ["int8", "pca-16", "pruned-50%"]
    sizes = {row.name: row.vector_bytes for row in table.rows}
    assert sizes["full"] == 4 * 64
    assert (sizes["bits"], sizes["pca-16"]) == (8 + 2 * 64, 32)
    weights_bytes = {row.name: row.weights_bytes for row in table.rows}
    assert weights_bytes["int8"] < weights_bytes["full"]
    assert weights_bytes["pruned-50%"] < weights_bytes["full"]
    assert all(row.pictures_per_second > 0 and row.query_ms > 0 for row in table.rows)
    assert table.rows[0].difference.mean == 0


def test_only_the_graph_of_the_encoder_itself_is_kept(unsaved, folder, tmp_path, monkeypatch):
    lasting, made = settings.IMAGESEARCH.data_dir / "cache" / "graphs", []

    def converts(encoder, cache, **_):
        made.append(cache / str(len(made)))
        made[-1].mkdir(parents=True)
        return encoder

    monkeypatch.setattr("retrieval.embedding.use_quickest", converts)
    wanted = Wanted(dimensions=(), int8=True)
    compression.run(unsaved, source=Folder(folder), wanted=wanted, workshop=compression.workshop_in(tmp_path))
    assert made[-1] == tmp_path / "graphs" / str(len(made) - 1)
    assert sorted(lasting.iterdir()) == made[:-1]  # of the encoder itself
    assert [path.name for path in tmp_path.iterdir()] == ["int8.safetensors"]


def seen_by(folder, live):
    """The bench with one network on it."""
    seen = Folder(folder).encode([live], progress=silent)
    return Bench("whole", seen.name, seen.digest, seen.galleries, seen.queries)


def network():
    """The first on the bench; what it cost does not matter."""
    return measuring.Network(number=0, name="", encoder=None, weights_bytes=0, sha256="", pictures_per_second=0.0)


def literal_map(vectors, labels, order_of):
    hits = []
    for row in range(len(labels)):
        order = [item for item in order_of(vectors, row) if item != row]
        hits.append(labels[order] == labels[row])
    return float(metrics.average_precision(np.array(hits)).mean())


def test_re_ranked_signs_score_what_searching_so_finds(folder, unsaved, monkeypatch):
    monkeypatch.setattr(storing, "CANDIDATES", 9)
    live = live_encoders.plain(unsaved)
    bench = seen_by(folder, live)
    seen = bench.galleries[0]
    small = [shrunk(live, each) for each in Folder(folder).sample(most=1024, progress=silent)]
    coder = storing.coders(live.encode(small))["bits"]
    stored = coder(seen.vectors)
    bits = stored.coarse.decode()

    def order(_vectors, row):
        coarse = np.argsort(-(bits @ bits[row]), kind="stable")
        fine = stored.fine.decode() @ stored.fine.decode()[row]
        return [*sorted(coarse[:9], key=lambda item: (-fine[item], item)), *coarse[9:]]

    expected = literal_map(seen.vectors, seen.labels, order)
    found = bench.trial(network(), coder).outcome
    assert float(found.scores[:, 0].mean()) == pytest.approx(expected, abs=1e-6)
    assert isinstance(stored, codes.Reranked)


@pytest.mark.parametrize("name", ["int8", "pca-16", "pruned-50%"])
def test_an_adopted_row_is_a_draft_encoder_that_scores_what_the_table_says(table, folder, kept, name):
    row = compression.adopt(table, name, folder=kept)
    assert (row.state, row.trained, row.name) == ("draft", True, slug(f"whole-{name}"))
    assert row.origin == {"compressed_from": "whole", "row": name, "calibrated_on": "stripes", "learned_from": [
        table.row(name).report.subject.digest
    ]}  # fmt: skip
    measured = table.row(name).report
    assert row.scores["stripes"]["map"] == measured.overall["mAP"].mean
    again = seen_by(folder, live_encoders.plain(row)).trial(network(), codes.to_half).outcome
    assert float(again.scores[:, 0].mean()) == pytest.approx(measured.overall["mAP"].mean, abs=1e-6)
    with pytest.raises(Conflict):
        compression.adopt(table, name, folder=kept)


@pytest.mark.parametrize("name", ["half", "full", "bits", "nonsense"])
def test_what_search_cannot_hold_is_not_adopted(table, kept, name):
    with pytest.raises(InvalidInput, match="Only these rows can be adopted: int8, pca-16, pruned-50%") as refused:
        compression.adopt(table, name, folder=kept)
    assert list(refused.value.fields) == ["row"]


def test_weights_that_are_gone_or_altered_are_not_adopted(table, kept, tmp_path):
    with pytest.raises(Conflict, match="measure again"):
        compression.adopt(table, "int8", folder=tmp_path)
    (tmp_path / "int8.safetensors").write_bytes((kept / "pca-16.safetensors").read_bytes())
    with pytest.raises(WeightsError, match="altered"):
        compression.adopt(table, "int8", folder=tmp_path)
    assert not Row.objects.exists()


def test_a_table_survives_json(table):
    brief = table.brief()
    assert Table.from_dict(json.loads(json.dumps(brief.to_dict()))) == brief
    assert brief.row("int8").report.overall == table.row("int8").report.overall


def test_it_tells_how_far_it_is(table, workshop):
    told = list(dict.fromkeys(what for what, _, _ in workshop[1]))
    building = ["building int8", "building pca-16", "building pruned-50%"]
    assert told == ["calibrating", *building, "timing", "encoding", *(f"measuring {row.name}" for row in table.rows)]
    assert ("building pruned-50%", 1, 2) in workshop[1]
    assert all(done <= total for _, done, total in workshop[1])


def test_what_an_encoder_is_already_is_passed_over():
    small = Encoder(EncoderSpec("mobilenet_v2", image_size=32, projection="linear", dimension=16, precision="int8"))
    assert build(small, pictures=[], wanted=Wanted(dimensions=(16, 32))) == {}


def test_the_fine_tune_brings_a_pruned_encoder_back(folder):
    whole, pictures = Encoder(SPEC), list(Folder(folder).sample(most=36, progress=silent))

    def loss(steps):
        wanted = Wanted(dimensions=(), int8=False, keep=0.5, steps=steps)
        (pruned,) = build(whole, pictures=pictures, wanted=wanted).values()
        a, b = codes.unit(whole.encode(pictures)), codes.unit(pruned.encode(pictures))
        return 1 - float((a * b).sum(axis=1).mean())

    assert loss(12) < loss(1)


def test_too_few_pictures_are_refused(unsaved, tmp_path):
    for name in ("a", "b"):
        (tmp_path / "few" / name).mkdir(parents=True)
        (tmp_path / "few" / name / "broken.png").write_bytes(b"?")
    with pytest.raises(InvalidInput, match="No picture"):
        compression.run(
            unsaved, source=Folder(tmp_path / "few"), wanted=WANTED, workshop=compression.workshop_in(tmp_path)
        )


def commanded(folder, *options):
    out = StringIO()
    call_command("compress_encoder", "whole", str(folder), *options, stdout=out, verbosity=0)
    return out.getvalue()


@pytest.mark.parametrize(("options", "name"), [((), "whole-pca-16"), (("--name", "short"), "short")])
def test_the_command_shows_the_table_and_adopts(source, folder, options, name):
    text = commanded(folder, "--dimensions", "16", "--adopt", "pca-16", *options)
    assert "| row | mAP % |" in text
    assert f"{name} is a draft encoder now, with 16 dimensions." in text


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--dimensions", "--adopt", "half"], "Only these rows can be adopted: int8."),
        (["--dimensions", "16", "2000", "--prune", "0.5", "--adopt", "pca-2000"], "int8, pca-16, pruned-50%."),
        (["--adopt", "int8", "--name", "whole"], "There is an encoder called whole already."),
        (["--adopt", "int8", "--name", "a b"], "A name is 1 to"),
        (["--name", "short"], "--name: Say with --adopt"),
    ],
)
def test_what_cannot_be_adopted_is_refused_before_the_work(source, folder, monkeypatch, options, message):
    def working(*_, **__):
        raise AssertionError("it was measured all the same")

    monkeypatch.setattr(compression, "run", working)
    with pytest.raises(CommandError, match=re.escape(message)):
        commanded(folder, *options)


def test_the_rows_that_can_be_adopted_are_known_before(table):
    assert WANTED.names(SPEC) == [row.name for row in table.rows if row.sha256]


def test_a_fine_tune_that_diverges_is_told_in_a_sentence(source, folder, monkeypatch):
    def diverging(*_, **__):
        raise Diverged("The loss is no number any more.")

    monkeypatch.setattr(compression, "run", diverging)
    with pytest.raises(CommandError, match="The loss is no number"):
        commanded(folder)
