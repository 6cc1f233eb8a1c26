"""For whoever runs the site: status, audit, backup, restore."""
