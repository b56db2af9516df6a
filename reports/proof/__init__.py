"""What is said about a proof: every input of a type put through a compiled kernel."""
