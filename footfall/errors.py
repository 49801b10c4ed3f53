"""The one exception whose text is meant for a person: what is wrong, where, and what to do."""


class FootfallError(Exception):
    """Something a user can act on. The command line prints its text as one line, without a traceback."""
