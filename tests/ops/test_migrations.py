"""A new database is made in one step, and is then what one is that went the whole way."""

from __future__ import annotations

from django.db.migrations.autodetector import MigrationAutodetector
from django.db.migrations.loader import MigrationLoader

STEP, LAST = ("retrieval", "0001_squashed_0053_due_by_index"), ("retrieval", "0053_due_by_index")


def test_the_one_step_leads_to_the_models_that_the_way_leads_to():
    loader = MigrationLoader(None, replace_migrations=False)
    one, other = loader.project_state(STEP), loader.project_state(LAST)
    for before, after in ((one, other), (other, one)):
        assert MigrationAutodetector(before, after).changes(graph=loader.graph) == {}


def test_a_new_database_takes_the_one_step():
    loader = MigrationLoader(None)
    way = [
        name for app, name in loader.graph.forwards_plan(loader.graph.leaf_nodes("retrieval")[0]) if app == "retrieval"
    ]
    assert way[0] == STEP[1]
    assert LAST[1] not in way
