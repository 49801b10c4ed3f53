"""Where a client's access logs lie: a field of its file."""

from datetime import datetime
from typing import Literal

from pydantic import Field

from footfall.fields import ENDPOINT, Name
from footfall.strict import Strict

_LOG_URL = r"^(s3://[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]|file://)(/([A-Za-z0-9=_./-]|\{(yyyy|MM|dd|HH)\})*)?$"
_DISTRIBUTION = r"^[A-Z0-9]{6,20}$"
#: What a person is told who breaks a pattern.
EXPECTED = {
    _DISTRIBUTION: "expected 6 to 20 of A-Z 0-9",
    _LOG_URL: "expected s3://bucket/prefix, with {yyyy} {MM} {dd} {HH} where the prefix has the hour",
}


class LogSource(Strict):
    """A bucket with a site's access logs, read every hour. `url` may hold {yyyy} {MM} {dd} {HH}."""

    name: Name
    """For people, and in alerts."""
    site_id: Name
    """Whose requests they are."""
    format: Literal["cloudfront"] = "cloudfront"
    """How the logs are written."""
    url: str = Field(pattern=_LOG_URL)
    """Where they lie. `{yyyy}` `{MM}` `{dd}` `{HH}` stand for the hour."""
    endpoint: str | None = Field(default=None, pattern=ENDPOINT)
    """Of an S3-compatible store; without it the installation's."""
    distribution: str | None = Field(default=None, pattern=_DISTRIBUTION)
    """Id of the CloudFront distribution: lists an hour's names alone, not the whole prefix."""
    page_views: bool = True
    """Whether page requests are page views too. False where the pixel counts them on the same site."""

    def bucket_url(self) -> str:
        """The store that holds the logs: the part of the URL before the first `{` folder."""
        return self.url.partition("{")[0].rpartition("/")[0] if "{" in self.url else self.url.rstrip("/")

    def prefix(self, hour: datetime) -> str:
        """Where the logs of an hour lie, below bucket_url."""
        rest = self.url.removeprefix(self.bucket_url()).strip("/")
        if not rest:
            return ""
        for name, text in (("yyyy", "%Y"), ("MM", "%m"), ("dd", "%d"), ("HH", "%H")):
            rest = rest.replace(f"{{{name}}}", hour.strftime(text))
        return rest + "/"
