"""How long a field may be is said once, in retrieval/models/bounds.py."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[1]
FIELDS = "title|caption|group_key|source_url|description|username|url|encoder|encoders"
TYPED = re.compile(rf"^ +({FIELDS}) = [^\n]*(?:\(\n[^\n]*)?max_length=\d+", re.M)


def typed(text):
    """The fields of people's words whose length is a number there."""
    return TYPED.findall(text)


def test_columns_forms_and_serializers_type_no_length_of_their_own():
    files = [
        path
        for folder in ("models", "web/forms", "api/serializers")
        for path in (ROOT / "retrieval" / folder).glob("*.py")
    ]
    assert len(files) > 30
    found = {path.name: typed(path.read_text()) for path in files}
    assert {name: fields for name, fields in found.items() if fields} == {}


def test_a_length_that_is_typed_again_is_noticed():
    assert typed("    title = forms.CharField(max_length=300)") == ["title"]
    assert typed("    title = forms.CharField(max_length=TITLE_LENGTH)") == []
