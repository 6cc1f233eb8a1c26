"""The work engine: the ledger of embedding work and its pipeline, long jobs of all kinds, and who has what."""

from retrieval.work.kinds import Kind, ProgressWriter, Row, Settle, StoppedError

__all__ = [
    "Kind", "ProgressWriter", "Row", "Settle", "StoppedError", "derived", "ending", "features", "jobs", "leases",
    "long_jobs", "messages", "neighbourhoods", "regions", "texts", "turns", "watching",
]  # fmt: skip
