"""Each fact once: what several parts of the house, and its documents, have to agree about."""
