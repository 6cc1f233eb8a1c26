"""Encoders: registered, built, trained, made smaller, and switched."""
