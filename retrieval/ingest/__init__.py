"""Bytes to image row: the gate, the sandbox, the files and the rows of a picture. No torch here."""

from retrieval.ingest.picture import Decoded, Region
from retrieval.ingest.protection import SETTING
from retrieval.ingest.turns import Asker

__all__ = [
    "SETTING", "Asker", "Decoded", "Region", "archive", "fetch", "files", "fingerprint", "process", "sandbox",
    "store",
]  # fmt: skip
