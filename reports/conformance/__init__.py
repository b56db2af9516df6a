"""What is said about a table of conformance: on a terminal, as Markdown, and in a sentence."""
