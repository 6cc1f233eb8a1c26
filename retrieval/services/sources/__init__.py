"""Sources: what is read into collections on a schedule, how it is read, and how long it is kept."""
