"""Commands of the project: the programs of a site, and the way in."""
