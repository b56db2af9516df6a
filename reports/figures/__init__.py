"""Figures of a run: one module for each kind, each a pure function of a run; `files` writes them."""
