"""Bytes to image row: the gate, the sandbox, the files and the rows of a picture. No torch here."""

from retrieval.ingest.clutter import is_clutter
from retrieval.ingest.picture import Decoded, Part, Region
from retrieval.ingest.proof import Credentials
from retrieval.ingest.turns import Asker

__all__ = [
    "Asker", "Credentials", "Decoded", "Part", "Region", "archive", "extras", "fetch", "files", "fingerprint",
    "folder_mark", "is_clutter", "process", "protection", "sandbox", "store",
]  # fmt: skip
