"""The locks hold every pin with the digests of its files, and name no place to fetch from."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from bench.licences import ROOT

LOCKS = {
    "requirements.txt": "requirements.lock",
    "requirements-dev.txt": "requirements-dev.lock",
    "requirements-extras.txt": "requirements-extras.lock",
    "requirements-extras-video.txt": "requirements-extras-video.lock",
}
# One version, many builds: it has a lock of its own.
UNLOCKED = {"torch"}
TORCH_LOCK = "requirements-torch.lock"


def entries(lock):
    """Requirement and digests of each entry of a lock."""
    text = (ROOT / lock).read_text().replace("\\\n", " ")
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    return [
        (Requirement(line.partition(" --hash")[0]), re.findall(r"--hash=sha256:([0-9a-f]{64})", line)) for line in lines
    ]


@pytest.mark.parametrize(("pins", "lock"), LOCKS.items())
def test_every_pin_is_locked_at_its_version(pins, lock):
    lines = [line.partition(" #")[0] for line in (ROOT / pins).read_text().splitlines() if line and line[0] not in "#-"]
    pinned = {canonicalize_name(one.name): str(one.specifier) for one in map(Requirement, lines)}
    locked = {canonicalize_name(one.name): str(one.specifier) for one, _ in entries(lock)}
    assert {name: locked.get(name) for name in pinned.keys() - UNLOCKED} == {
        name: version for name, version in pinned.items() if name not in UNLOCKED
    }


@pytest.mark.parametrize("lock", [*LOCKS.values(), TORCH_LOCK])
def test_every_entry_is_one_version_with_digests(lock):
    for requirement, digests in entries(lock):
        assert str(requirement.specifier).startswith("=="), requirement
        assert digests, requirement
    assert "://" not in (ROOT / lock).read_text()


def test_torch_is_locked_in_all_its_builds():
    ((torch, digests),) = entries(TORCH_LOCK)
    assert f"{torch}" in (ROOT / "requirements.txt").read_text().splitlines()
    assert len(set(digests)) == len(digests) > 20


def test_no_index_answers_for_torch_beside_another():
    """A second index could hand out its own file under the name."""
    assert "extra-index-url" not in (ROOT / "Dockerfile").read_text()
    lines = [line for line in (ROOT / "Makefile").read_text().splitlines() if "torch" in line and "$(PIP)" in line]
    assert [("$(PIP) --no-index" in line, "|| $(PIP) --require-hashes" in line) for line in lines] == [(True, True)]


def test_the_locks_agree():
    locks = ("requirements.lock", "requirements-dev.lock")
    run, dev = ({f"{one.name}{one.specifier}": digests for one, digests in entries(lock)} for lock in locks)
    assert run.items() <= dev.items()


def test_a_file_with_another_digest_is_not_installed(tmp_path):
    (tmp_path / "some-1.0-py3-none-any.whl").write_bytes(b"not what was locked")
    (tmp_path / "lock").write_text(f"some==1.0 --hash=sha256:{'0' * 64}\n")
    words = ["-m", "pip", "download", "--no-index", "--find-links", str(tmp_path), "--no-deps", "--require-hashes"]
    done = subprocess.run(
        [sys.executable, *words, "-r", str(tmp_path / "lock"), "-d", str(tmp_path / "out")],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode != 0
    assert "DO NOT MATCH" in done.stderr
