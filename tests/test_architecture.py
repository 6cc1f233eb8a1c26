"""The rooms import downwards only, torch and Django stay in theirs, and nothing outgrows its budget."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
FLOORS = {
    "errors": 0, "conf": 0,
    "models": 1, "ingest": 1, "search": 1, "embedding": 1, "evaluation": 1, "training": 1,
    "weight_files": 1, "encoders": 2, "services": 3, "tasks": 4,
    "api": 5, "web": 5, "admin": 5, "management": 5,
}  # fmt: skip
BESIDE = {
    ("ingest", "models"), ("search", "models"),
    ("training", "evaluation"), ("training", "embedding"), ("evaluation", "embedding"),
}  # fmt: skip
WITHOUT_DJANGO = {"embedding", "training", "evaluation"}
WITHOUT_TORCH = {"ingest", "search", "models", "api", "web", "admin"}
VECTOR_TABLES = re.compile(r"\bretrieval_embedding(?:count|digest)?\b")
LONGEST_FILE, LONGEST_FUNCTION = 300, 50

SOURCES = sorted(path for path in (ROOT / "retrieval").rglob("*.py") if "migrations" not in path.parts)


def room(path: Path) -> str:
    return path.relative_to(ROOT / "retrieval").parts[0].removesuffix(".py")


def imported(path: Path) -> Iterator[tuple[str, bool]]:
    """Yield each imported module, and whether the import stands inside a function."""
    tree = ast.parse(path.read_text())
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
    there = parts[1] if parts[0] == "retrieval" and len(parts) > 1 else here
    if there not in FLOORS or here not in FLOORS or there == here:
        return False
    return FLOORS[there] >= FLOORS[here] and (here, there) not in BESIDE


def test_the_rules_refuse_what_they_should():
    assert forbidden("embedding", "django.db")
    assert forbidden("search", "torch")
    assert forbidden("ingest", "retrieval.search.query")
    assert forbidden("services", "retrieval.tasks")
    assert forbidden("api", "retrieval.web.views")
    assert not forbidden("services", "retrieval.search.query")
    assert not forbidden("training", "retrieval.embedding")


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_imports_go_downwards_only(path):
    wrong = [module for module, _ in imported(path) if forbidden(room(path), module)]
    hidden = [module for module, inside in imported(path) if inside and module.startswith("retrieval")]
    assert (wrong, hidden if room(path) != "apps" else []) == ([], [])


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


def test_the_door_to_stored_vectors_is_looked_through():
    assert past_the_door("from retrieval.models import Embedding, Image") == ["Embedding"]
    assert past_the_door("SQL = 'SELECT 1 FROM retrieval_embedding e'") == ["retrieval_embedding"]
    assert past_the_door("SQL = f'UPDATE retrieval_embeddingcount {x}'") == ["retrieval_embeddingcount"]
    assert past_the_door("from pgvector.django import L2Distance") == ["pgvector.django"]
    assert past_the_door("from retrieval.models import EmbeddingJob\nSQL = 'FROM retrieval_embeddingjob'") == []


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_stored_vectors_have_one_door(path):
    """The room ``search`` alone touches them and pgvector, beside the models that declare them."""
    if room(path) not in {"search", "models"}:
        assert past_the_door(path.read_text()) == []


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_nothing_outgrows_its_budget(path):
    text = path.read_text()
    assert text.count("\n") < LONGEST_FILE
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            assert node.end_lineno - node.lineno < LONGEST_FUNCTION, node.name


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_module_says_its_job_in_one_sentence(path):
    if path.read_text().strip():
        assert ast.get_docstring(ast.parse(path.read_text())), "the module has no docstring"
