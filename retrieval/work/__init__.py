"""The work engine: the ledger of embedding work, its leases, and the pipeline that does it."""

__all__ = [
    "derived", "faults", "jobs", "leases",
]  # fmt: skip
