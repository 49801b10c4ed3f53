"""How long a client's data is kept: the rule of its file, holds on it, and signed records of what went."""
