"""Rooms import downwards only and by front doors, torch and Django stay in theirs, and nothing outgrows its budget."""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
FLOORS = {
    "errors": 0, "conf": 0, "telemetry": 0, "caller": 0, "progress": 0, "whole_files": 0,
    "folders": 0, "form_parts": 0, "on_demand": 0, "zip_stream": 0, "openvino_core": 0,
    "weight_files": 1,
    "models": 1, "ingest": 1, "search": 1, "embedding": 1, "evaluation": 1, "training": 1, "compression": 1,
    "matching": 1, "reading": 1,
    "live_encoders": 2, "checks": 2, "downloads": 2, "worker_start": 2,
    "work": 3, "services": 4, "tasks": 5,
    "api": 6, "web": 6, "admin": 6, "management": 6, "templatetags": 6, "apps": 6,
}  # fmt: skip
# On one floor only these look at each other, the first at the second.
BESIDE = {
    ("folders", "errors"), ("ingest", "models"), ("search", "models"), ("models", "weight_files"),
    ("apps", "management"), ("templatetags", "web"),
    ("training", "evaluation"), ("training", "embedding"), ("evaluation", "embedding"), ("matching", "embedding"),
    ("compression", "embedding"), ("compression", "evaluation"), ("compression", "training"),
}  # fmt: skip
SUBJECTS = {
    "people": 0, "images": 1, "searching": 2, "evaluation": 3, "encoders": 4, "copies": 4, "watching": 4,
    "operations": 5,
}  # fmt: skip
ROOMS = ("compression", "embedding", "evaluation", "ingest", "matching", "reading", "search", "training", "work")
WITHOUT_DJANGO = {"embedding", "training", "evaluation", "compression", "matching", "reading"}
WITHOUT_TORCH = {"ingest", "reading", "search", "models", "api", "web", "admin"}
VECTOR_TABLES = re.compile(r"\bretrieval_embedding(?:count|digest)?\b")
LONGEST_FILE, LONGEST_FUNCTION, USUAL_FUNCTION = 290, 30, 16

SOURCES = sorted(
    path
    for top in ("retrieval", "imagesearch")
    for path in (ROOT / top).rglob("*.py")
    if "migrations" not in path.parts
)
APP = [path for path in SOURCES if path.is_relative_to(ROOT / "retrieval")]
each_source = pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
each_of_app = pytest.mark.parametrize("path", APP, ids=lambda path: str(path.relative_to(ROOT)))


@cache
def parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text())


def room(path: Path) -> str:
    """The folder or file right below the app; the project counts as one."""
    parts = path.relative_to(ROOT).parts
    return parts[1].removesuffix(".py") if parts[0] == "retrieval" else parts[0]


def subject(path: Path) -> str:
    parts = path.relative_to(ROOT).parts
    return parts[2].removesuffix(".py") if room(path) == "services" and len(parts) > 2 else ""


def imported(path: Path) -> Iterator[tuple[str, bool]]:
    """Yield each imported module, and whether the import stands inside a function."""
    tree = parsed(path)
    functions = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
    inside = {id(node) for function in functions for node in ast.walk(function)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((alias.name, id(node) in inside) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: imports are absolute"
            yield from ((f"{node.module}.{alias.name}", id(node) in inside) for alias in node.names)


def forbidden(here: str, module: str) -> bool:
    parts = module.split(".")
    if here in WITHOUT_DJANGO and parts[0] in {"django", "rest_framework"}:
        return True
    if here in WITHOUT_TORCH and parts[0] in {"torch", "torchvision"}:
        return True
    if here != "imagesearch" and parts[0] == "imagesearch":
        return True
    there = parts[1] if parts[0] == "retrieval" and len(parts) > 1 else here
    if there not in FLOORS or here not in FLOORS or there == here:
        return False
    return FLOORS[there] >= FLOORS[here] and (here, there) not in BESIDE


def past_the_front(here: str, path: Path) -> list[str]:
    """Imports from a module inside a room, where only the room itself may be asked."""
    found = [node.module or "" for node in ast.walk(parsed(path)) if isinstance(node, ast.ImportFrom)]
    found += [alias.name for node in ast.walk(parsed(path)) if isinstance(node, ast.Import) for alias in node.names]
    inner = [name.split(".") for name in found if name.startswith("retrieval.")]
    return [".".join(parts) for parts in inner if len(parts) > 2 and parts[1] in ROOMS and parts[1] != here]


@cache
def used_of_rooms() -> dict[str, set[str]]:
    """The names of each room that anybody outside of it uses."""
    used: dict[str, set[str]] = defaultdict(set)
    for path in SOURCES:
        here, whole = room(path), set()
        for module, _ in imported(path):
            parts = module.split(".")
            if parts[0] == "retrieval" and len(parts) > 1 and parts[1] in ROOMS and parts[1] != here:
                used[parts[1]].update(parts[2:3])
                whole |= {parts[1]} if len(parts) == 2 else set()
        for node in ast.walk(parsed(path)):
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id in whole:
                used[node.value.id].add(node.attr)
    return used


def named_by(front: Path) -> set[str]:
    for node in parsed(front).body:
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name) and node.targets[0].id == "__all__":
            return set(ast.literal_eval(node.value))
    return set()


def past_the_door(text: str) -> list[str]:
    """What a module names of stored vectors: their models, their tables in SQL, pgvector."""
    tree = ast.parse(text)
    strings = [node.value for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str)]
    names = {alias.name for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) for alias in node.names}
    modules = {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    modules |= {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    found = sorted(names & {"Embedding", "EmbeddingCount", "EmbeddingDigest"})
    found += [table for text in strings for table in VECTOR_TABLES.findall(text)]
    return found + [module for module in modules if module and module.split(".")[0] == "pgvector"]


def renamed_into_place(text: str) -> int:
    """How often a file takes another's place: only ``Path.replace`` has one argument and no name for it."""
    calls = [node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Call) and not node.keywords]
    methods = [node for node in calls if isinstance(node.func, ast.Attribute) and node.func.attr == "replace"]
    return sum(len(node.args) == 1 for node in methods)


def test_a_rename_into_place_is_seen():
    assert renamed_into_place("draft.replace(path)") == 1
    assert renamed_into_place("text.replace('a', 'b'); replace(row); row.replace(day=1)") == 0


@each_source
def test_files_are_written_whole_in_one_way(path):
    ways = {"retrieval/whole_files.py", "retrieval/ingest/files.py"}  # originals come many at once, and are flushed so
    assert not renamed_into_place(path.read_text()) or str(path.relative_to(ROOT)) in ways


def test_the_rules_refuse_what_they_should():
    assert forbidden("embedding", "django.db")
    assert forbidden("search", "torch")
    assert forbidden("ingest", "retrieval.search.query")
    assert forbidden("services", "retrieval.tasks")
    assert forbidden("api", "retrieval.web.views")
    assert forbidden("embedding", "retrieval.compression")
    assert forbidden("services", "imagesearch.settings")
    assert not forbidden("services", "retrieval.search.query")
    assert not forbidden("training", "retrieval.embedding")


def test_the_door_to_stored_vectors_is_looked_through():
    assert past_the_door("from retrieval.models import Embedding, Image") == ["Embedding"]
    assert past_the_door("SQL = 'SELECT 1 FROM retrieval_embedding e'") == ["retrieval_embedding"]
    assert past_the_door("SQL = f'UPDATE retrieval_embeddingcount {x}'") == ["retrieval_embeddingcount"]
    assert past_the_door("from pgvector.django import L2Distance") == ["pgvector.django"]
    assert past_the_door("from retrieval.models import EmbeddingJob\nSQL = 'FROM retrieval_embeddingjob'") == []


def test_every_file_and_folder_of_the_app_has_its_floor():
    assert {room(path) for path in APP} <= {*FLOORS, "__init__"}
    assert {subject(path) for path in APP} <= {*SUBJECTS, "", "__init__"}


@each_source
def test_imports_go_downwards_only(path):
    wrong = [module for module, _ in imported(path) if forbidden(room(path), module)]
    hidden = [module for module, inside in imported(path) if inside and module.startswith("retrieval")]
    assert (wrong, hidden if room(path) != "apps" else []) == ([], [])


@each_of_app
def test_subjects_of_services_import_downwards_only(path):
    own = SUBJECTS.get(subject(path), 99)
    parts = [module.split(".") for module, _ in imported(path) if module.startswith("retrieval.services.")]
    others = {each[2] for each in parts if each[2] != subject(path)}
    assert not {other for other in others if SUBJECTS[other] >= own}


@each_of_app
def test_stored_vectors_have_one_door(path):
    """The room ``search`` alone touches them and pgvector, beside the models that declare them."""
    if room(path) not in {"search", "models"}:
        assert past_the_door(path.read_text()) == []


@each_source
def test_rooms_are_used_by_their_front_doors(path):
    assert past_the_front(room(path), path) == []


@pytest.mark.parametrize("name", [name for name in ROOMS if (ROOT / "retrieval" / name).is_dir()])
def test_a_front_door_names_what_others_use_and_no_more(name):
    assert named_by(ROOT / "retrieval" / name / "__init__.py") == used_of_rooms()[name]


@each_source
def test_nothing_outgrows_its_budget(path):
    assert path.read_text().count("\n") < LONGEST_FILE
    for node in ast.walk(parsed(path)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            assert node.end_lineno - node.lineno < LONGEST_FUNCTION, node.name


def test_nine_functions_of_ten_are_short():
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef)
    functions = [node for path in SOURCES for node in ast.walk(parsed(path)) if isinstance(node, kinds)]
    lengths = sorted(node.end_lineno - node.lineno + 1 for node in functions)
    assert lengths[int(len(lengths) * 0.9)] <= USUAL_FUNCTION


@each_source
def test_every_module_says_its_job_in_one_sentence(path):
    if path.read_text().strip():
        assert ast.get_docstring(parsed(path)), "the module has no docstring"
