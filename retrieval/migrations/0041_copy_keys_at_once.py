"""The indexes of copy keys take each row at once; what waits to be put in is put in now."""

from __future__ import annotations

from typing import Any

import django.contrib.postgres.indexes
from django.db import migrations

PUT_IN = "ALTER INDEX {0} SET (fastupdate = off); SELECT gin_clean_pending_list('{0}')"
LATER = "ALTER INDEX {0} RESET (fastupdate)"


def _at_once(field: str) -> Any:
    name = f"copy_{field}"
    index = django.contrib.postgres.indexes.GinIndex(fields=[field], name=name, fastupdate=False)
    said = [migrations.RemoveIndex("copykeys", name), migrations.AddIndex("copykeys", index)]
    return migrations.RunSQL(PUT_IN.format(name), LATER.format(name), state_operations=said)


class Migration(migrations.Migration):
    """After letters."""

    dependencies = [("retrieval", "0040_letters")]

    operations = [_at_once("prints"), _at_once("corners")]
