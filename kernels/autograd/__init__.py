"""Registers the ops with PyTorch: operators, derivatives and vmap."""
