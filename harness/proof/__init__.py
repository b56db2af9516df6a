"""Every input there is, put through the compiled kernel: the proof of an op, binade by binade."""
