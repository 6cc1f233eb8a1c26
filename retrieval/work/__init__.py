"""The work engine: the ledger of embedding work, its leases, and the pipeline that does it."""
