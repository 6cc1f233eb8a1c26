"""The pages, a file per noun; each view calls services and renders what they return."""
