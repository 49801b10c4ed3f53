"""Where a client's access logs lie: a field of its file."""

from datetime import datetime
from typing import Literal

from pydantic import Field, model_validator

from footfall.fields import Name
from footfall.store_identity import StoreIdentity

_LOG_URL = r"^(s3://[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]|file://)(/([A-Za-z0-9=_./-]|\{(yyyy|MM|dd|HH)\})*)?$"
_DISTRIBUTION = r"^[A-Z0-9]{6,20}$"
#: What a person is told who breaks a pattern.
EXPECTED = {
    _DISTRIBUTION: "expected 6 to 20 of A-Z 0-9",
    _LOG_URL: "expected s3://bucket/prefix, with {yyyy} {MM} {dd} {HH} where the prefix has the hour",
}


#: The formats of sources/log_formats.py that a bucket may hold.
LogFormatName = Literal[
    "vhost_combined", "lighttpd", "combined", "vhost_common", "common", "s3", "alb", "elb", "envoy",
    "haproxy", "cloudfront", "w3c", "caddy", "logpush", "json",
]  # fmt: skip


class LogSource(StoreIdentity):
    """A bucket with a site's access logs, read every hour. `url` may hold {yyyy} {MM} {dd} {HH}.

    Without an `endpoint` the installation's store is asked, FOOTFALL_S3_ENDPOINT.
    """

    name: Name
    """For people, and in alerts."""
    site_id: Name
    """Whose requests they are."""
    format: LogFormatName = "cloudfront"
    """How the logs are written."""
    log_format: str | None = Field(default=None, max_length=4000)
    """What a line is, as nginx's log_format or Apache's LogFormat has it, where no format fits."""
    url: str = Field(pattern=_LOG_URL)
    """Where they lie. `{yyyy}` `{MM}` `{dd}` `{HH}` stand for the hour."""
    distribution: str | None = Field(default=None, pattern=_DISTRIBUTION)
    """Id of the CloudFront distribution: lists an hour's names alone, not the whole prefix."""
    page_views: bool = True
    """Whether page requests are page views too. False where the pixel counts them on the same site."""

    @model_validator(mode="after")
    def _has_whom(self) -> "LogSource":
        only_s3 = [name for name in self.given("endpoint") if name in StoreIdentity.model_fields]
        if self.url.startswith("file://") and only_s3:
            raise ValueError(f"{', '.join(only_s3)}: only with s3://")
        return self

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
