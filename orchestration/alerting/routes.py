"""Who is told of what: routes by client, kind and severity, from one YAML file.

    routes:
      - name: on-call
        to: env:ONCALL_URL           # an Apprise address (slack://…, mailtos://…) or https://… for plain JSON
        severities: [error]
      - name: accounts
        to: env:ACCOUNTS_URL
        kinds: [new_domain, domain_verified]
        clients: [agency]
      - name: reports
        to: env:REPORTS_URL
        alerts: false                # only for reports, whose exports name it in `notify`

An address holds a secret more often than not, so it is a reference to an environment variable.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from footfall.errors import FootfallError
from footfall.identities import written_id
from footfall.mistake_words import field_of, reason_of
from footfall.secrets import kept
from orchestration.alerting.alert import KINDS, Alert, Severity


class Route(BaseModel):
    """One receiver. An empty list stands for all."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    name: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,47}$")]
    to: Annotated[str, Field(pattern=r"^env:[A-Z][A-Z0-9_]*$")]
    severities: list[Severity] = Field(default_factory=list)
    kinds: list[str] = Field(default_factory=list)
    clients: list[str] = Field(default_factory=list)
    alerts: bool = True
    """False: for reports alone, whose exports name it as `channel:NAME`."""

    @field_validator("kinds")
    @classmethod
    def _known(cls, kinds: list[str]) -> list[str]:
        for kind in kinds:
            if kind not in KINDS:
                raise ValueError(f"{kind} is no kind of alert: use {', '.join(sorted(KINDS))}")
        return kinds

    def takes(self, alert: Alert) -> bool:
        """Whether this receiver is told of `alert`. A route for some clients is not told of the whole."""
        return (
            self.alerts
            and (not self.severities or alert.severity in self.severities)
            and (not self.kinds or alert.kind in self.kinds)
            and (not self.clients or bool({alert.client_id, written_id(alert.client_id)} & set(self.clients)))
        )

    def address(self, environ: Mapping[str, str]) -> str:
        """The address itself, or what the variable names as its place, read anew each time.

        Raises FootfallError where there is none.
        """
        name = self.to.removeprefix("env:")
        address = kept(name, environ.get(name, ""))
        if not address:
            raise FootfallError(f"alert route {self.name}: the environment variable {name} is not set")
        return address


class _File(BaseModel):
    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    routes: list[Route]


#: What there is without a file: everything to the plain webhook.
PLAIN = Route(name="webhook", to="env:FOOTFALL_ALERT_WEBHOOK")


def usable_routes(path: Path | None, has_webhook: bool) -> tuple[list[Route], list[Alert]]:
    """The routes; where their file is wrong, the plain webhook alone and an alert that says why.

    Raises FootfallError where there is no webhook either, so nobody can be told.
    """
    try:
        return load_routes(path, has_webhook), []
    except FootfallError as error:
        if not has_webhook:
            raise
        why = {"error": str(error), "told": "only the plain webhook"}
        return [PLAIN], [Alert("channel_failing", "", "routes", "the file of alert routes is not used", why)]


def load_routes(path: Path | None, has_webhook: bool) -> list[Route]:
    """The routes of the file, and the plain webhook where one is set. Raises FootfallError."""
    routes = []
    if path is not None:
        try:
            document = yaml.safe_load(path.read_text(encoding="utf-8"))
            routes = _File.model_validate(document).routes
        except FileNotFoundError:
            raise FootfallError(f"{path} does not exist; mend FOOTFALL_ALERT_ROUTES") from None
        except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
            raise FootfallError(f"{path} cannot be read: {type(error).__name__}") from None
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            reason = reason_of(first, {}, Route.model_fields)
            raise FootfallError(f"{path}: {field_of(first)}: {reason}") from None
        names = [route.name for route in routes]
        if len(set(names)) < len(names):
            raise FootfallError(f"{path}: a route's name is used twice")
    return [*routes, *([PLAIN] if has_webhook else [])]
