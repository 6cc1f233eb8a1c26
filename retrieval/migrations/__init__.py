"""Schema history; later migrations never edit earlier ones."""
