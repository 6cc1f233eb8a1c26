"""Bytes to image row: the gate, the sandbox, the files and the rows of a picture. No torch here."""
