"""A memory on a chip to play with: a model that knows no widgets, and its page."""
