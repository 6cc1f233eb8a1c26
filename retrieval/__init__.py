"""The app: pictures in, vectors stored, nearest neighbours out."""

__version__ = "0.1.0"
