"""Weights come in by request only, checked, and become draft encoders; the first start always has an encoder."""

from __future__ import annotations

import errno
import hashlib
import io
import os
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import cache, partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import torch
from django.core.management import CommandError, call_command
from django.db import IntegrityError, connections

from retrieval import conf, live_encoders, weight_files
from retrieval.embedding import Encoder as LiveEncoder
from retrieval.embedding import EncoderSpec, backbones, checkpoint, header, networks
from retrieval.errors import Conflict, InvalidInput, StorageFull, Unavailable, WeightsError
from retrieval.models import Encoder, EncoderState
from retrieval.services.encoders import weights

pytestmark = pytest.mark.django_db
TINY = EncoderSpec("mobilenet_v2", image_size=64, widths=(*[8] * 17, 16))


@pytest.fixture(autouse=True)
def folders(settings, tmp_path, monkeypatch):
    """Own folders, no bundled weights."""
    settings.IMAGESEARCH = replace(settings.IMAGESEARCH, data_dir=tmp_path, weights_dir=tmp_path / "weights")
    monkeypatch.setattr(weight_files, "BUNDLED", tmp_path / "bundled")
    return tmp_path


class Quiet(SimpleHTTPRequestHandler):
    """Serves files, and the rest of a file where a part of it is asked for; breaks off where the test says so."""

    parts = True
    breaks_off_after = None
    asked = []

    def do_GET(self):
        wanted = self.headers.get("Range", "")
        self.asked.append(wanted)
        begin = int(wanted.removeprefix("bytes=").removesuffix("-")) if wanted and self.parts else 0
        path = Path(self.translate_path(self.path))
        content = path.read_bytes() if path.is_file() else None
        if content is None or begin >= len(content):
            self.send_error(404 if content is None else 416)
            return
        self.send_response(206 if begin else 200)
        self.send_header("Content-Length", str(len(content) - begin))
        self.end_headers()
        self.wfile.write(content[begin:][: self.breaks_off_after])

    def log_message(self, *_):
        pass


@pytest.fixture
def served(tmp_path):
    """Serve a folder on this machine; gives the folder and its address."""
    folder = tmp_path / "site"
    folder.mkdir()
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=folder))
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield folder, f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()
    thread.join()


@cache
def resnet():
    """The bytes of a small real state dict."""
    buffer = io.BytesIO()
    torch.save(networks.build(backbones.get("resnet18")).half().state_dict(), buffer)
    return buffer.getvalue()


@pytest.fixture
def published(served, monkeypatch):
    """Publish it as the official weights of resnet18."""
    folder, address = served
    digest = hashlib.sha256(resnet()).hexdigest()
    (folder / f"resnet18-{digest[:8]}.pth").write_bytes(resnet())
    place = networks.Published(url=f"{address}/resnet18-{digest[:8]}.pth", sha256_prefix=digest[:8])
    monkeypatch.setattr(networks, "published", lambda _: place)
    return place


def quiet(*_):
    pass


def test_fetched_file_is_checked_kept_and_not_fetched_again(published, served):
    seen = []
    file = weights.fetch("resnet18", progress=lambda _what, done, total: seen.append((done, total)))
    assert file == conf.get().weights_dir / published.filename
    assert seen[-1] == (file.stat().st_size, file.stat().st_size)
    (served[0] / published.filename).unlink()
    assert weights.fetch("resnet18", progress=quiet) == file


def test_other_bytes_are_refused_and_nothing_is_kept(published, served):
    (served[0] / "mirror.pth").write_bytes(b"something else")
    with pytest.raises(WeightsError, match="The download has SHA-256"):
        weights.fetch("resnet18", progress=quiet, mirror=published.url.replace(published.filename, "mirror.pth"))
    assert not list(conf.get().weights_dir.iterdir())


def test_a_download_that_breaks_off_is_gone_on_with(published, served, monkeypatch):
    whole = (served[0] / published.filename).read_bytes()
    monkeypatch.setattr(Quiet, "asked", [])
    monkeypatch.setattr(Quiet, "breaks_off_after", 3_000_000)
    with pytest.raises(Unavailable, match="the same command goes on"):
        weights.fetch("resnet18", progress=quiet)
    assert [path.name for path in conf.get().weights_dir.iterdir()] == [published.filename + ".partial"]
    monkeypatch.setattr(Quiet, "breaks_off_after", None)
    seen = []
    file = weights.fetch("resnet18", progress=lambda _what, done, total: seen.append((done, total)))
    assert Quiet.asked == ["", "bytes=3000000-"]
    assert file.read_bytes() == whole
    assert seen[0][0] > 3_000_000
    assert seen[-1] == (len(whole), len(whole))


def test_ctrl_c_keeps_the_part_and_a_server_without_parts_sends_all(published, served, monkeypatch):
    def stop(_what, done, total):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        weights.fetch("resnet18", progress=stop)
    monkeypatch.setattr(Quiet, "parts", False)
    file = weights.fetch("resnet18", progress=quiet)
    assert file.read_bytes() == (served[0] / published.filename).read_bytes()


@pytest.mark.parametrize("size", [1000, 200_000_000], ids=["too short", "too long"])
def test_a_part_of_something_else_is_found_out_and_thrown_away(published, size):
    conf.get().weights_dir.mkdir()
    partial = conf.get().weights_dir / (published.filename + ".partial")
    partial.write_bytes(b"x" * size)
    with pytest.raises(WeightsError, match="The download has SHA-256"):
        weights.fetch("resnet18", progress=quiet)
    assert not partial.exists()
    assert weights.fetch("resnet18", progress=quiet).name == published.filename


def test_no_connection_is_one_sentence_and_other_schemes_are_refused(published):
    with pytest.raises(Unavailable, match="cannot be fetched"):
        weights.fetch("resnet18", progress=quiet, mirror="http://127.0.0.1:1/none.pth")
    with pytest.raises(InvalidInput, match="http"):
        weights.fetch("resnet18", progress=quiet, mirror="file:///etc/passwd")
    with pytest.raises(InvalidInput, match="no backbone"):
        weights.fetch("resnet19", progress=quiet)


def test_fetch_command_makes_a_trained_draft(published, capsys):
    call_command("fetch_weights", "resnet18", "--name", "r18", "--pooling", "gem", "--image-size", "96")
    made = Encoder.objects.get(name="r18")
    assert (made.trained, made.state, made.dimension) == (True, EncoderState.DRAFT, 512)
    assert EncoderSpec.from_dict(made.spec) == EncoderSpec("resnet18", pooling="gem", image_size=96)
    assert live_encoders.weights_path(made.weights_name).is_file()
    assert "r18: 512 dimensions" in capsys.readouterr().out
    call_command("fetch_weights", "resnet18", "--name", "signed", "--mean", ".5", ".5", ".5", "--std", ".5", ".5", ".5")
    fed = live_encoders.plain(Encoder.objects.get(name="signed"))
    assert (fed.mean.unique().tolist(), fed.std.unique().tolist()) == ([0.5], [0.5])
    with pytest.raises(CommandError, match="std must be three numbers"):
        call_command("fetch_weights", "resnet18", "--name", "other", "--mean", ".5", ".5", ".5")
    with pytest.raises(CommandError, match="already"):
        call_command("fetch_weights", "resnet18", "--name", "r18")
    with pytest.raises(CommandError, match="pooling must be one of"):
        call_command("fetch_weights", "resnet18", "--name", "other", "--pooling", "median")


def test_file_with_its_spec_is_copied_as_it_is(folders, capsys):
    digest = checkpoint.save(LiveEncoder(TINY), folders / "mine.safetensors")
    call_command("register_encoder", "mine", str(folders / "mine.safetensors"), "--sha256", digest)
    made = Encoder.objects.get(name="mine")
    assert made.weights_sha256 == digest
    assert made.spec == TINY.to_dict()
    assert digest in capsys.readouterr().out
    with pytest.raises(CommandError, match="was altered"):
        call_command("register_encoder", "mine2", str(folders / "mine.safetensors"), "--sha256", "0" * 64)


def test_projection_that_is_not_in_the_file_is_kept_with_the_rest(folders):
    spec = EncoderSpec("resnet18", projection="linear", dimension=32, image_size=64)
    torch.save(LiveEncoder(spec).backbone.state_dict(), folders / "plain.pth")
    made = weights.register("head", folders / "plain.pth", spec=spec)
    assert header.read_spec(live_encoders.weights_path(made.weights_name)) == spec
    checkpoint.load(live_encoders.weights_path(made.weights_name), sha256=made.weights_sha256)


def test_file_that_does_not_fit_leaves_no_row(folders):
    checkpoint.save(LiveEncoder(TINY), folders / "mine.safetensors")
    with pytest.raises(WeightsError, match="does not fit resnet18"):
        weights.register("wrong", folders / "mine.safetensors", spec=EncoderSpec("resnet18"))
    assert not Encoder.objects.exists()


def test_taken_name_is_a_conflict(folders):
    checkpoint.save(LiveEncoder(TINY), folders / "mine.safetensors")
    weights.register("mine", folders / "mine.safetensors")
    with pytest.raises(Conflict):
        weights.register("mine", folders / "mine.safetensors")


def test_first_start_takes_the_bundled_file(folders):
    (folders / "bundled").mkdir()
    digest = checkpoint.save(LiveEncoder(TINY), folders / "bundled" / "compact-v1.safetensors")
    (folders / "bundled" / weight_files.SUMS).write_text(f"{digest}  compact-v1.safetensors\n")
    made = weights.first_encoder()
    assert (made.name, made.state, made.trained) == ("compact-v1", EncoderState.ACTIVE, True)
    assert made.weights_sha256 == digest
    assert weights.first_encoder() == made
    assert Encoder.objects.count() == 1


@pytest.mark.parametrize(("sums", "reason"), [(f"{'0' * 64}  compact-v1.safetensors\n", "altered"), ("", "unknown")])
def test_first_start_refuses_a_bundled_file_of_other_bytes(folders, sums, reason):
    (folders / "bundled").mkdir()
    checkpoint.save(LiveEncoder(TINY), folders / "bundled" / "compact-v1.safetensors")
    (folders / "bundled" / weight_files.SUMS).write_text(sums)
    with pytest.raises(CommandError, match=f"IMAGESEARCH_ENCODER cannot be used: .* {reason}: "):
        call_command("first_encoder")
    assert not Encoder.objects.exists()


def test_the_bundled_files_are_the_listed_ones(monkeypatch):
    monkeypatch.undo()
    files = sorted(weight_files.BUNDLED.glob("*.safetensors"))
    assert files
    for file in files:
        weight_files.require_known(file)


@pytest.mark.parametrize(
    ("wanted", "backbone"), [("compact-v1", "mobilenet_v2"), ("resnet18", "resnet18")]
)  # fmt: skip
def test_first_start_without_weights_is_marked_untrained(settings, wanted, backbone):
    settings.IMAGESEARCH = replace(settings.IMAGESEARCH, encoder=wanted)
    made = weights.first_encoder()
    assert (made.name, made.trained, made.weights_name) == (f"{backbone}-untrained", False, "")
    assert made.spec["backbone"] == backbone


def test_unknown_wish_stops_the_start(settings):
    settings.IMAGESEARCH = replace(settings.IMAGESEARCH, encoder="nonsense")
    with pytest.raises(InvalidInput, match="no backbone 'nonsense'"):
        weights.first_encoder()


def together(*acts):
    """Do them at the same time, each by a connection of its own; return what each gave or raised."""
    start = threading.Barrier(len(acts))

    def run(act):
        start.wait()
        try:
            return act()
        except Exception as error:  # noqa: BLE001
            return error
        finally:
            connections.close_all()

    with ThreadPoolExecutor(len(acts)) as threads:
        return list(threads.map(run, acts))


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("guarded", [True, False])
def test_two_that_take_one_name_at_once_make_one_encoder_of_one_file(folders, monkeypatch, guarded):
    """A double click: the second is told that the name is taken, and the file is the one that the row speaks of."""
    files = [folders / f"{number}.safetensors" for number in range(2)]
    for seed, file in enumerate(files):
        checkpoint.save(LiveEncoder(TINY, seed=seed), file)
    real = weights._copied

    def slowly(source, target):
        time.sleep(0.5)
        kept = real(source, target)
        time.sleep(0.5)
        return kept

    monkeypatch.setattr(weights, "_copied", slowly)
    if not guarded:
        monkeypatch.setattr(weights, "hold_name", lambda name: None)
    made, refused = sorted(
        together(*[lambda file=file: weights.register("mine", file) for file in files]),
        key=lambda one: isinstance(one, Exception),
    )
    stored = hashlib.sha256(live_encoders.weights_path(made.weights_name).read_bytes()).hexdigest()
    assert isinstance(refused, Conflict if guarded else IntegrityError)
    if guarded:
        assert stored == made.weights_sha256
    assert sorted(path.name for path in conf.get().weights_dir.iterdir()) == ["mine.safetensors"]


def test_a_full_disk_leaves_neither_a_row_nor_half_a_file(folders, monkeypatch):
    checkpoint.save(LiveEncoder(TINY), folders / "mine.safetensors")

    def full(descriptor):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(StorageFull):
        weights.register("mine", folders / "mine.safetensors")
    assert not Encoder.objects.exists()
    assert list(conf.get().weights_dir.iterdir()) == []
