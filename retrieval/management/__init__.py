"""Edge: the terminal."""
