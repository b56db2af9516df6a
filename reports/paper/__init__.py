"""What a claims run says about the ELU paper: judged by rule from stored rows, then shown. Imports no torch."""
