"""The explorer: a memory on a chip to play with. The model knows no widgets, the view no physics."""
