"""The app: pictures in, vectors stored, nearest neighbours out."""
