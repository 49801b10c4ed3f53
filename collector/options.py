"""What an operator decides about requests: limits, origins, paths."""

from dataclasses import dataclass

from footfall.settings import Settings


@dataclass(frozen=True)
class Options:
    """See the variables of the same names in footfall/settings.py."""

    #: Origins whose scripts may read answers; `*` for all.
    cors_origins: tuple[str, ...] = ("*",)
    #: Further path → the route it stands for.
    paths: tuple[tuple[str, str], ...] = ()
    #: Events a second of one address, and of one site; 0: no limit.
    address_rate: int = 0
    site_rate: int = 0
    #: Requests a minute of one API key; 0: no limit.
    key_rate: int = 0

    @classmethod
    def of(cls, settings: Settings) -> "Options":
        """The options of a process."""
        return cls(
            cors_origins=settings.cors_origins,
            paths=settings.collector_paths,
            address_rate=settings.address_events_per_second,
            site_rate=settings.site_events_per_second,
            key_rate=settings.key_requests_per_minute,
        )
