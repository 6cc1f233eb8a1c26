"""The story: one short function per use case; every edge calls only these."""
