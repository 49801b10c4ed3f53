"""Who we are at a store of a client's: the fields that destinations and log sources share."""

from pydantic import Field, model_validator

from footfall.fields import ACCOUNT, ENDPOINT, EXTERNAL_ID, REGION, ROLE, Reference
from footfall.strict import Strict


class StoreIdentity(Strict):
    """A role of the client that we assume (`role` with `external_id`), keys (`access_key` and `secret_key`,
    both references), or, without either, the identity this process has anyway.
    """

    endpoint: str | None = Field(default=None, pattern=ENDPOINT)
    """Of an S3-compatible store; without it AWS."""
    region: str | None = Field(default=None, pattern=REGION)
    """The region of the bucket."""
    path_style: bool | None = None
    """Bucket in the path instead of the host name; without it, so with an `endpoint` and not with AWS."""
    role: str | None = Field(default=None, pattern=ROLE)
    """The role of the client's account to assume."""
    external_id: str | None = Field(default=None, pattern=EXTERNAL_ID)
    """The word without which the role must refuse."""
    access_key: Reference | None = None
    """Where the key id is kept, never the key itself."""
    secret_key: Reference | None = None
    """Where the secret key is kept, never the key itself."""
    owner: str | None = Field(default=None, pattern=ACCOUNT)
    """The account that must own the bucket: one re-created by somebody else is refused."""

    @model_validator(mode="after")
    def _is_one_identity(self) -> "StoreIdentity":
        if self.role and not self.external_id:
            raise ValueError("a role needs an external_id, or anybody who knows its name could use it")
        if self.external_id and not self.role:
            raise ValueError("external_id: only with a role")
        if bool(self.access_key) != bool(self.secret_key):
            raise ValueError("access_key and secret_key: both or neither")
        if self.role and self.access_key:
            raise ValueError("role or keys, not both")
        return self

    def given(self, *but: str) -> list[str]:
        """Fields that the client file gives another value than they have anyway, without those in `but`."""
        plain = type(self).model_fields
        return [
            name
            for name in sorted(self.model_fields_set & plain.keys() - set(but))
            if getattr(self, name) != plain[name].default
        ]
