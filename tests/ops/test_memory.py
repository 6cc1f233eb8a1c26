"""What the embedded PostgreSQL takes of the machine's memory, and where control groups say less."""

from __future__ import annotations

import os

import pytest

from imagesearch.embedded import memory

GIB = 2**30


@pytest.fixture
def groups(tmp_path, monkeypatch):
    """Control groups as files, and a function that says in which of them this process is."""
    monkeypatch.setattr(memory, "GROUPS", tmp_path)
    monkeypatch.setattr(memory, "OWN_GROUPS", tmp_path / "own")

    def put(own, **limits):
        (tmp_path / "own").write_text(own)
        for name, text in limits.items():
            file = tmp_path / name.replace("__", "/").replace("_dot_", ".")
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text)

    return put


def machine():
    return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")


def test_without_limits_it_is_the_machines(groups):
    groups("0::/", memory_dot_max="max\n")
    assert memory.available() == machine()


def test_no_control_groups_at_all(groups):
    assert memory.available() == machine()


@pytest.mark.parametrize(
    ("own", "file"),
    [
        ("0::/", "memory_dot_max"),
        ("0::/site/web", "site__memory_dot_max"),
        ("0::/site/web", "site__web__memory_dot_max"),
        ("0::/host/path/not/seen/here", "memory_dot_max"),
        ("5:cpu:/\n4:memory:/site", "memory__site__memory_dot_limit_in_bytes"),
        ("4:hugetlb,memory:/elsewhere", "memory__memory_dot_limit_in_bytes"),
    ],
)
def test_the_least_limit_counts(groups, own, file):
    groups(own, **{file: "65536000\n"})
    assert memory.available() == 65536000


def test_a_version_one_group_without_a_limit_names_a_huge_number(groups):
    groups("4:memory:/", memory__memory_dot_limit_in_bytes="9223372036854771712")
    assert memory.available() == machine()


@pytest.mark.parametrize(
    ("gib", "buffers", "cache", "upkeep"),
    [
        (0.5, "128MB", "256MB", "64MB"),
        (4, "682MB", "2048MB", "128MB"),
        (24, "4096MB", "12288MB", "768MB"),
        (256, "8192MB", "131072MB", "1024MB"),
    ],
)
def test_settings_follow_the_memory(gib, buffers, cache, upkeep):
    found = memory.settings(round(gib * GIB), cores=2)
    assert (found["shared_buffers"], found["effective_cache_size"]) == (buffers, cache)
    assert found["maintenance_work_mem"] == upkeep


@pytest.mark.parametrize(("cores", "helpers"), [(1, "0"), (2, "1"), (64, "7")])
def test_builds_take_all_cores(cores, helpers):
    assert memory.settings(8 * GIB, cores=cores)["max_parallel_maintenance_workers"] == helpers
