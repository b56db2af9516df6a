"""What PyTorch is told of the ops: registered operators, their derivatives, and vmap."""
