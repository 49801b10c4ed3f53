"""What a client orders and where it goes: exports and destinations, as a client file states them."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import AfterValidator, Field, model_validator

from footfall.catalogue.formats import CSV, FORMATS, HTML
from footfall.catalogue.periods import Calendar, Kind, calendar, has_hours, kind_of, part_cadence
from footfall.catalogue.tables import DATASETS, Cadence
from footfall.fields import (
    CHANNEL,
    KEY_TEMPLATE,
    NOTIFY,
    TOKEN,
    URL,
    Column,
    Name,
    Reference,
    plain_path,
)
from footfall.filters import parse_filter, require_times
from footfall.locations import filled_in
from footfall.report.words import Language
from footfall.store_identity import StoreIdentity
from footfall.strict import Strict

# A type checker cannot know the names of a list; pydantic and the schema of client files do.
if TYPE_CHECKING:
    Dataset = str
    Format = str
else:
    Dataset = Literal[tuple(DATASETS)]
    Format = Literal[tuple(FORMATS)]

#: Dataset → how often it can be delivered.
CADENCES: dict[str, tuple[Cadence, ...]] = {name: table.cadences for name, table in DATASETS.items()}

#: The destination that every client has.
MAIN = "main"
#: What the name of a live export's parts ends with.
LIVE = ".live"
#: How many bytes one file may have when the client file does not say: loads in one piece everywhere.
MAX_FILE_BYTES = 512 * 1024 * 1024


#: What orders rows, columns and cells, of which a page has none.
_OF_ROWS = frozenset(
    {"columns", "compression", "drop", "filter", "formula_guard", "hash", "max_file_bytes", "rename"}
)


class Destination(StoreIdentity):
    """A bucket the client owns: on S3, of Google Cloud Storage, a container of Azure Blob, or a folder."""

    url: Annotated[str, AfterValidator(plain_path)] = Field(pattern=URL)
    """`s3://bucket/prefix`, `gs://bucket/prefix`, `az://account/container/prefix`, or `file:///folder` (may
    begin with `file://${FOOTFALL_HOME}`), which must be there. It overlaps no place of another client, nor
    the installation's.
    """
    credentials: Reference | None = None
    """With `gs://` and `az://`: where the key of a service account (its JSON), the key of the storage account
    or a shared access signature is kept, never the key itself. Without it, the identity this process has.
    """
    encryption: Literal["default", "sse-s3", "sse-kms"] = "default"
    """What is asked of the store for each object; `default`: what the bucket says."""
    kms_key: str | None = Field(default=None, min_length=1, max_length=2048)
    """The key of `sse-kms`; without it the account's own for S3."""
    ownership: Literal["none", "challenge"] = "none"
    """`challenge`: nothing is delivered before `challenge` holds the token that was put into the bucket."""
    challenge: str | None = Field(default=None, pattern=TOKEN)
    """The token that was put under `_challenge/`, as the owner read it there."""

    @model_validator(mode="after")
    def _fits_together(self) -> "Destination":
        if self.credentials and not self.is_in_cloud:
            raise ValueError("credentials: only with gs:// and az://")
        also = ("endpoint", "credentials") if self.is_in_cloud else ()
        only_s3 = self.given("url", "name", "ownership", "challenge", *also)
        if not self.url.startswith("s3://") and only_s3:
            raise ValueError(f"{', '.join(only_s3)}: only with s3://")
        if self.is_in_cloud and self.endpoint and not self.credentials:
            # These clouds take a token, and whoever was given ours could use it elsewhere.
            raise ValueError("endpoint: only with credentials of its own, or it would be sent ours")
        if self.kms_key and self.encryption != "sse-kms":
            raise ValueError("kms_key: only with encryption: sse-kms")
        return self

    @property
    def is_in_cloud(self) -> bool:
        """Whether it is Google's or Azure's."""
        return self.url.startswith(("gs://", "az://"))

    @property
    def bucket(self) -> str:
        """The bucket's or container's name; of a folder its last part."""
        scheme, _, rest = self.url.partition("://")
        parts = rest.strip("/").split("/")
        return parts[{"file": -1, "az": 1}.get(scheme, 0)]

    def resolved_url(self, home: Path) -> str:
        """The URL with ${FOOTFALL_HOME} filled in."""
        return filled_in(self.url, home)


class NamedDestination(Destination):
    """A further bucket of the client, by the name under which exports ask for it."""

    name: Name
    """By which exports ask for it."""


def _filter(value: str) -> str:
    require_times(parse_filter(value))
    return value


class Export(Strict):
    """What a client wants delivered: which rows and columns of a dataset, how written, how often, where."""

    name: Name
    """First part of every key in the bucket; no name is used again for another dataset."""
    dataset: Dataset
    """Which table."""
    cadence: Cadence
    """How often. Which dataset comes how often: [delivery.md](delivery.md#keys)."""
    format: Format = CSV.name
    """How files are written: [delivery.md](delivery.md#the-files)."""
    compression: Literal["none", "gzip", "zstd"] = "none"
    """Of the whole file; for Parquet, of the pages inside (which are zstd where this says none)."""
    live_minutes: Literal[5, 10, 15, 20, 30] = 5
    """Of a live export: how many minutes a part covers. Fewer: fresher, and more files and runs."""
    columns: list[Column] = Field(default_factory=list)
    """Columns in this order; without it all of the dataset."""
    rename: dict[Column, Column] = Field(default_factory=dict)
    """Column of the dataset → its name in the file."""
    filter: Annotated[str, AfterValidator(_filter)] | None = Field(default=None, max_length=4000)
    """Which rows: `is_bot = false and host in ('a.example', 'b.example')`. `= != < <= > >=`, `in`, `is null`,
    `starts_with`, `ends_with`, `contains`, `and`, `or`, `not`, brackets. Text in `'…'`, a time as
    `'2026-11-20'` or `'2026-11-20 14:00:00+00'`. A member of JSON as `props.plan`, `payload.tz` or
    `learnt.'lead score'`. Rows for which it is unknown are left out.
    """
    hash: list[Column] = Field(default_factory=list)
    """Columns written as a keyed SHA-256 in hex instead of their text."""
    drop: list[Column] = Field(default_factory=list)
    """Columns left out."""
    split: Literal["none", "site"] = "none"
    """`site`: a file for each site; `none`: all sites in one, told apart by `site_id`."""
    formula_guard: bool = True
    """CSV only: whether text that a spreadsheet would run as a formula has an apostrophe in front."""
    key: str | None = Field(default=None, pattern=KEY_TEMPLATE, max_length=300)
    """Folder of one revision of one period; without it as in [delivery.md](delivery.md#keys)."""
    max_file_bytes: int = Field(default=MAX_FILE_BYTES, ge=1024 * 1024, le=4 * 1024**3)
    """Larger files are cut into parts, in bytes, 1 MiB to 4 GiB."""
    destinations: list[Name] = Field(default=[MAIN], min_length=1)
    """Names of destinations, `main` being the client's `destination`."""
    notify: list[Annotated[str, Field(pattern=NOTIFY)]] = Field(default_factory=list)
    """Who is told of each revision that was delivered: an address gets one signed POST, `channel:NAME` is a
    route of alerts that gets a report itself ([reports.md](reports.md#by-mail)).
    """
    language: Language = "en"
    """Of a report: what it is written in."""

    @model_validator(mode="after")
    def _fits_together(self) -> "Export":
        allowed = CADENCES[self.dataset]
        if self.cadence not in allowed:
            raise ValueError(f"{self.dataset} can be delivered {' or '.join(allowed)}")
        self._check_page()
        if "live_minutes" in self.model_fields_set and not self.is_live:
            raise ValueError("live_minutes: only with cadence: live")
        for what, names in (("columns", self.columns), ("destinations", self.destinations)):
            if len(set(names)) != len(names):
                raise ValueError(f"{what}: a name is given twice")
        named = {self.rename.get(column, column) for column in self.columns}
        if self.columns and len(named) != len(self.columns):
            raise ValueError("rename: two columns would have one name")
        for what, chosen in (("rename", self.rename), ("hash", self.hash)):
            strange = set(chosen) - set(self.columns or chosen) | set(chosen) & set(self.drop)
            if strange:
                raise ValueError(f"{what}: {', '.join(sorted(strange))} is not delivered")
        if self.columns and set(self.drop) & set(self.columns):
            raise ValueError("drop: a column is asked for and left out")
        if self.key is not None:
            self._check_key(self.key)
        return self

    def _check_page(self) -> None:
        if not self.is_page:
            if FORMATS[self.format].is_page:
                raise ValueError(f"format: {self.dataset} has rows; html is for dataset: report alone")
            if "language" in self.model_fields_set:
                raise ValueError("language: only with dataset: report")
            if any(each.startswith(CHANNEL) for each in self.notify):
                raise ValueError(f"notify: {CHANNEL}… only with dataset: report")
            return
        if not FORMATS[self.format].is_page:
            raise ValueError(f"format: a report is a page: write format: {HTML.name}")
        strange = sorted(self.model_fields_set & _OF_ROWS)
        if strange:
            raise ValueError(f"{', '.join(strange)}: a report is a page and has no rows to choose")

    def _check_key(self, template: str) -> None:
        needed = ["{export}", "{date}", "{revision}", *(["{hour}"] if self.kind.is_hour else [])]
        missing = [name for name in needed if name not in template]
        if missing:
            raise ValueError(f"key: must hold {' '.join(missing)}, or deliveries would share a folder")
        if any(part in ("", ".", "..") for part in template.split("/")):
            raise ValueError("key: expected a path without empty parts, . and .., no slash at the ends")
        if any(part.startswith("_") for part in template.split("/")):
            raise ValueError("key: names with _ in front are those of schemas, keys and pointers")

    @property
    def kind(self) -> Kind:
        """What the periods are that it is delivered by."""
        return kind_of(self.cadence)

    @property
    def is_page(self) -> bool:
        """Whether a page is delivered, and no rows."""
        return DATASETS[self.dataset].is_page

    @property
    def is_live(self) -> bool:
        """Whether its hours are delivered in parts first."""
        return self.kind.is_live

    def calendar(self, zone: str, sites: Mapping[str, str]) -> Calendar:
        """Its periods. `zone`: of the client's days; `sites`: site → zone. A day is a day of the site.

        Sites that share a zone share their days. Where they do not, an export split by site, and a report,
        whose rows are days of their sites, hold for each site its own local day; an export that mixes events
        of all sites holds the client's own day, from its midnight to the next.
        """
        is_by_site = self.split == "site" or not has_hours(CADENCES[self.dataset])
        return calendar(self.cadence, zone, sites if is_by_site else None)

    def series(self) -> tuple["Export", ...]:
        """All that is delivered of it: itself, and its parts where it is live."""
        return (self, self.parts()) if self.is_live else (self,)

    def parts(self) -> "Export":
        """The parts of a live export, as an export of its own: what arrived in each few minutes.

        No client file can name an export so, because names have no dots.
        """
        cadence = part_cadence(self.live_minutes)
        return self.model_copy(update={"name": f"{self.name}{LIVE}", "cadence": cadence})

    @property
    def extension(self) -> str:
        """The end of a file's name: `csv.gz`, `jsonl.zst`, `parquet`."""
        return FORMATS[self.format].extension(self.compression)
