"""What PyTorch is told of the ops: operators, derivatives, vmap. `elementwise`, and `broadcast` for those of a vector."""
