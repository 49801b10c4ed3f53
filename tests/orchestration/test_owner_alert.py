"""A client whose file is another owner's is one alert, and its overdue periods are said inside it."""

from orchestration.alerting.causes import fold, overdue_alert
from orchestration.alerting.conditions import changed_owners
from orchestration.alerting.routes import Route


def test_what_is_overdue_because_nobody_decided_follows_from_that_alert():
    [alert] = changed_owners({"acme": "say `footfall clients moved acme` or `footfall clients end acme`"})
    others = overdue_alert("beta", "hourly", ["events 2026-11-20T14"])
    overdue = overdue_alert("acme", "hourly", ["events 2026-11-20T14", "sessions 2026-11-20T14"])

    told = fold([alert, overdue, others]).alerts

    assert [each.key for each in told] == ["owner_changed:acme:owner", others.key]
    assert "overdue: acme: events 2026-11-20T14" in told[0].facts["follows"]
    assert "footfall clients moved acme" in told[0].fix and "footfall clients end acme" in told[0].fix


def test_a_route_for_a_client_id_takes_alerts_of_its_later_owners():
    [alert] = changed_owners({"acme.2": "why"})

    assert Route(name="acme", to="env:URL", clients=["acme"]).takes(alert)
    assert not Route(name="beta", to="env:URL", clients=["beta"]).takes(alert)
