"""Reports by the channels of alerts: the body of a mail, and attached, as PDF too where Chromium is there."""

import logging
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory

from footfall.errors import FootfallError
from footfall.identities import written_id
from footfall.report.letter import Letter, Mail
from orchestration.alerting.printing import NoChromium, to_pdf
from orchestration.alerting.routes import Route, load_routes

_log = logging.getLogger(__name__)


def mailing_for(routes: Path | None, environ: Mapping[str, str]) -> Mail:
    """What sends reports by the routes of a file, whose addresses are in the environment.

    See footfall.report.letter.Mail.
    """

    def mail(name: str, client_id: str, letter: Letter) -> None:
        route = _route(routes, name, client_id)
        send(route.address(environ), letter)

    return mail


def send(address: str, letter: Letter) -> None:
    """Send one report to an address of Apprise. Raises OSError where it was not taken, and FootfallError."""
    import apprise  # 150 channels: loaded where one is used

    if address.startswith(("http://", "https://")):
        raise FootfallError(
            "the route is a plain webhook, which takes no report: name its address in `notify` itself, or an "
            "address of Apprise in the route"
        )
    logging.getLogger("apprise").setLevel(logging.CRITICAL)  # it would log the address
    channel = apprise.Apprise()
    if not channel.add(address):
        raise FootfallError("the address is none that Apprise knows")
    is_mail = address.startswith("mailto")
    with TemporaryDirectory() as folder:
        files = _attached(Path(folder), letter)
        sent = channel.notify(
            title=letter.subject,
            body=letter.body if is_mail else letter.text,
            body_format=apprise.NotifyFormat.HTML if is_mail else apprise.NotifyFormat.TEXT,
            attach=[str(path) for path in files],
        )
    if not sent:
        raise OSError(f"{address.partition('://')[0]} did not take the report")


def _route(routes: Path | None, name: str, client_id: str) -> Route:
    """The route of a name that is open to a client. Raises FootfallError."""
    found = {route.name: route for route in load_routes(routes, has_webhook=False)}
    route = found.get(name)
    if route is None:
        where = "the file of FOOTFALL_ALERT_ROUTES" if routes else "FOOTFALL_ALERT_ROUTES, which is not set"
        raise FootfallError(f"there is no route {name!r} in {where}")
    if route.clients and not {client_id, written_id(client_id)} & set(route.clients):
        raise FootfallError(f"the route {name!r} is for other clients")
    return route


def _attached(folder: Path, letter: Letter) -> list[Path]:
    page = folder / letter.name
    page.write_bytes(letter.page)
    pdf = page.with_suffix(".pdf")
    try:
        pdf.write_bytes(to_pdf(page))
    except NoChromium as error:
        _log.warning("%s goes without a PDF: %s", letter.name, error)
        return [page]
    return [page, pdf]
