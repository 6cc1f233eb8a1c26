"""Copies: found as pictures come in, shown in groups, decided by people, and resolved."""
