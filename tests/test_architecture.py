"""Rooms import downwards only and by front doors, torch and Django stay in theirs, and nothing outgrows its budget."""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from collections.abc import Callable, Iterable
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
FLOORS = {
    "errors": 0, "conf": 0, "telemetry": 0, "caller": 0, "progress": 0, "whole_files": 0,
    "folders": 0, "form_parts": 0, "on_demand": 0, "zip_stream": 0, "openvino_core": 0,
    "weight_files": 1, "broker": 1,
    "models": 1, "ingest": 1, "search": 1, "embedding": 1, "evaluation": 1, "training": 1, "compression": 1,
    "matching": 1, "reading": 1, "openid": 1,
    "live_encoders": 2, "checks": 2, "downloads": 2, "worker_start": 2,
    "work": 3, "services": 4, "tasks": 5,
    "api": 6, "web": 6, "admin": 6, "management": 6, "templatetags": 6, "apps": 6,
}  # fmt: skip
# On one floor only these look at each other, the first at the second.
BESIDE = {
    ("folders", "errors"), ("openid", "ingest"), ("ingest", "models"), ("search", "models"), ("models", "weight_files"),
    ("apps", "management"), ("templatetags", "web"),
    ("training", "evaluation"), ("training", "embedding"), ("evaluation", "embedding"), ("matching", "embedding"),
    ("compression", "embedding"), ("compression", "evaluation"), ("compression", "training"),
}  # fmt: skip
SUBJECTS = {
    "people": 0, "images": 1, "searching": 2, "sources": 2, "evaluation": 3, "encoders": 4, "copies": 4, "watching": 4,
    "operations": 5,
}  # fmt: skip
ROOMS = (
    "compression",
    "embedding",
    "evaluation",
    "ingest",
    "matching",
    "openid",
    "reading",
    "search",
    "training",
    "work",
)
WITHOUT_DJANGO = {"openid", "embedding", "training", "evaluation", "compression", "matching", "reading"}
WITHOUT_TORCH = {"ingest", "reading", "search", "models", "api", "web", "admin"}
VECTOR_TABLES = re.compile(r"\bretrieval_embedding(?:count|digest)?\b")
# Django makes its checks, which ask about the code, before each command; `prepare` and `check` make them.
SKIPPED = "requires_system_checks: list[str] = []"
LONGEST_FILE, LONGEST_FUNCTION, USUAL_FUNCTION = 290, 30, 16

SOURCES = sorted(
    path
    for top in ("retrieval", "imagesearch")
    for path in (ROOT / top).rglob("*.py")
    if "migrations" not in path.parts
)
APP = [path for path in SOURCES if path.is_relative_to(ROOT / "retrieval")]
Function = ast.FunctionDef | ast.AsyncFunctionDef


@cache
def text_of(path: Path) -> str:
    return path.read_text()


@cache
def parsed(path: Path) -> ast.Module:
    return ast.parse(text_of(path))


@cache
def nodes(path: Path) -> tuple[ast.AST, ...]:
    return tuple(ast.walk(parsed(path)))


def broken_by(paths: list[Path], rule: Callable[[Path], object]) -> dict[str, object]:
    """What each file breaks of a rule, by the file's name; files that keep it are left out."""
    return {str(path.relative_to(ROOT)): found for path in paths if (found := rule(path))}


def room(path: Path) -> str:
    """The folder or file right below the app; the project counts as one."""
    parts = path.relative_to(ROOT).parts
    return parts[1].removesuffix(".py") if parts[0] == "retrieval" else parts[0]


def subject(path: Path) -> str:
    parts = path.relative_to(ROOT).parts
    return parts[2].removesuffix(".py") if room(path) == "services" and len(parts) > 2 else ""


@cache
def imported(path: Path) -> list[tuple[str, bool]]:
    """Each imported module, and whether the import stands inside a function."""
    found = []
    inside = {id(node) for function in nodes(path) if isinstance(function, Function) for node in ast.walk(function)}
    for node in nodes(path):
        if isinstance(node, ast.Import):
            found += [(alias.name, id(node) in inside) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: imports are absolute"
            found += [(f"{node.module}.{alias.name}", id(node) in inside) for alias in node.names]
    return found


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
    found = [node.module or "" for node in nodes(path) if isinstance(node, ast.ImportFrom)]
    found += [alias.name for node in nodes(path) if isinstance(node, ast.Import) for alias in node.names]
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
        for node in nodes(path):
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id in whole:
                used[node.value.id].add(node.attr)
    return used


def named_by(front: Path) -> set[str]:
    for node in parsed(front).body:
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name) and node.targets[0].id == "__all__":
            return set(ast.literal_eval(node.value))
    return set()


def past_the_door(tree: Iterable[ast.AST]) -> list[str]:
    """What a module names of stored vectors: their models, their tables in SQL, pgvector."""
    tree = list(tree)
    strings = [node.value for node in tree if isinstance(node, ast.Constant) and isinstance(node.value, str)]
    names = {alias.name for node in tree if isinstance(node, ast.ImportFrom) for alias in node.names}
    modules = {node.module for node in tree if isinstance(node, ast.ImportFrom)}
    modules |= {alias.name for node in tree if isinstance(node, ast.Import) for alias in node.names}
    found = sorted(names & {"Embedding", "EmbeddingCount", "EmbeddingDigest"})
    found += [table for text in strings for table in VECTOR_TABLES.findall(text)]
    return found + [module for module in modules if module and module.split(".")[0] == "pgvector"]


def renamed_into_place(tree: Iterable[ast.AST]) -> int:
    """How often a file takes another's place: only ``Path.replace`` has one argument and no name for it."""
    calls = [node for node in tree if isinstance(node, ast.Call) and not node.keywords]
    methods = [node for node in calls if isinstance(node.func, ast.Attribute) and node.func.attr == "replace"]
    return sum(len(node.args) == 1 for node in methods)


def written(text: str) -> list[ast.AST]:
    return list(ast.walk(ast.parse(text)))


def test_a_rule_names_every_file_that_breaks_it():
    first, second, third = SOURCES[:3]
    found = broken_by([first, second, third], lambda path: {first: ["a"], second: [], third: 2}[path])
    assert found == {str(first.relative_to(ROOT)): ["a"], str(third.relative_to(ROOT)): 2}


def test_a_rename_into_place_is_seen():
    assert renamed_into_place(written("draft.replace(path)")) == 1
    assert renamed_into_place(written("text.replace('a', 'b'); replace(row); row.replace(day=1)")) == 0


def test_files_are_written_whole_in_one_way():
    ways = {"retrieval/whole_files.py", "retrieval/ingest/files.py"}  # originals come many at once, and are flushed so
    others = [path for path in SOURCES if str(path.relative_to(ROOT)) not in ways]
    assert broken_by(others, lambda path: renamed_into_place(nodes(path))) == {}


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
    assert past_the_door(written("from retrieval.models import Embedding, Image")) == ["Embedding"]
    assert past_the_door(written("SQL = 'SELECT 1 FROM retrieval_embedding e'")) == ["retrieval_embedding"]
    assert past_the_door(written("SQL = f'UPDATE retrieval_embeddingcount {x}'")) == ["retrieval_embeddingcount"]
    assert past_the_door(written("from pgvector.django import L2Distance")) == ["pgvector.django"]
    assert (
        past_the_door(written("from retrieval.models import EmbeddingJob\nSQL = 'FROM retrieval_embeddingjob'")) == []
    )


def test_every_file_and_folder_of_the_app_has_its_floor():
    assert {room(path) for path in APP} <= {*FLOORS, "__init__"}
    assert {subject(path) for path in APP} <= {*SUBJECTS, "", "__init__"}


def upwards(path: Path) -> list[str]:
    """Imports that the floors forbid, and those of the app that hide in a function."""
    wrong = [module for module, _ in imported(path) if forbidden(room(path), module)]
    hidden = [module for module, inside in imported(path) if inside and module.startswith("retrieval")]
    return wrong + (hidden if room(path) != "apps" else [])


def test_imports_go_downwards_only():
    assert broken_by(SOURCES, upwards) == {}


def subjects_upwards(path: Path) -> set[str]:
    own = SUBJECTS.get(subject(path), 99)
    parts = [module.split(".") for module, _ in imported(path) if module.startswith("retrieval.services.")]
    others = {each[2] for each in parts if each[2] != subject(path)}
    return {other for other in others if SUBJECTS[other] >= own}


def test_subjects_of_services_import_downwards_only():
    assert broken_by(APP, subjects_upwards) == {}


def test_stored_vectors_have_one_door():
    """The room ``search`` alone touches them and pgvector, beside the models that declare them."""
    others = [path for path in APP if room(path) not in {"search", "models"}]
    assert broken_by(others, lambda path: past_the_door(nodes(path))) == {}


def test_rooms_are_used_by_their_front_doors():
    assert broken_by(SOURCES, lambda path: past_the_front(room(path), path)) == {}


@pytest.mark.parametrize("name", [name for name in ROOMS if (ROOT / "retrieval" / name).is_dir()])
def test_a_front_door_names_what_others_use_and_no_more(name):
    assert named_by(ROOT / "retrieval" / name / "__init__.py") == used_of_rooms()[name]


def too_long(path: Path) -> list[str]:
    functions = [node for node in nodes(path) if isinstance(node, Function)]
    long = [node.name for node in functions if node.end_lineno - node.lineno >= LONGEST_FUNCTION]
    return long + (["the file"] if text_of(path).count("\n") >= LONGEST_FILE else [])


def test_nothing_outgrows_its_budget():
    assert broken_by(SOURCES, too_long) == {}


def test_nine_functions_of_ten_are_short():
    functions = [node for path in SOURCES for node in nodes(path) if isinstance(node, Function)]
    lengths = sorted(node.end_lineno - node.lineno + 1 for node in functions)
    assert lengths[int(len(lengths) * 0.9)] <= USUAL_FUNCTION


def without_a_sentence(path: Path) -> bool:
    return bool(text_of(path).strip()) and not ast.get_docstring(parsed(path))


def test_every_module_says_its_job_in_one_sentence():
    assert broken_by(SOURCES, without_a_sentence) == {}


def checks_the_code(path: Path) -> bool:
    return "commands" in path.parts and "class Command(" in text_of(path) and SKIPPED not in text_of(path)


def test_no_command_loads_every_pages_code_to_check_it():
    assert broken_by(SOURCES, checks_the_code) == {}
