"""Images and collections: put in, changed, moved, deleted; with whom they are shared."""
