"""Shapes of the API: what comes in is checked here, what goes out is written here; a file per noun."""
