"""Erasures of persons as an asset: each with its state, its deadline and what is left of it.

They are jobs of their own (`footfall privacy erase`, the API); a sensor shows how far each is, and a check
fails while one is past its deadline. Nothing of a person stands in what they write down.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import dagster as dg

from footfall.settings import Settings
from orchestration.given import given
from orchestration.privacy.erasure_book import ErasureBook, status

ERASURES = dg.AssetKey(["privacy", "erasures"])
CHECK = "done_by_their_deadline"
#: Finished ones that the table shows; of the others all are.
FINISHED = 50
#: How often the book is looked at, in seconds. A tick reads one small file.
SECONDS = 60
_SHOWN = ("id", "client_id", "state", "due_by", "is_overdue", "asked_at", "asked_by", "finished_at")


def shown_in(home: Path, now: datetime) -> list[dict[str, Any]]:
    """Erasures as plain values: those that are not finished first, then the newest."""
    book = ErasureBook(home)
    found = [status(book, each, now) for each in reversed(book.all())]
    done = [each for each in found if each["finished_at"]]
    return [each for each in found if not each["finished_at"]] + done[:FINISHED]


def verdict(found: Sequence[Mapping[str, Any]]) -> dg.AssetCheckResult:
    """The check: no erasure is past its deadline."""
    late = [f"{each['id']} of {each['client_id']}" for each in found if each["is_overdue"]]
    left = [each for each in found if not each["finished_at"]]
    return dg.AssetCheckResult(
        passed=not late,
        asset_key=ERASURES,
        check_name=CHECK,
        metadata={
            "overdue": len(late),
            "not finished": len(left),
            "next deadline": min((each["due_by"] for each in left), default="none"),
        },
        description="; ".join(late) or None,
    )


def erasures_as_they_are(context: dg.SensorEvaluationContext, home: Path) -> dg.SensorResult | dg.SkipReason:
    """What has changed since the last look, as a table and as the verdict of the check."""
    found = shown_in(home, datetime.now(UTC))
    if not found:
        return dg.SkipReason("nobody was erased yet")
    seen = hashlib.sha256(json.dumps(found, sort_keys=True).encode()).hexdigest()
    if seen == context.cursor:
        return dg.SkipReason(f"{len(found)} erasures, as they were")
    result = verdict(found)
    return dg.SensorResult(
        asset_events=[
            dg.AssetMaterialization(
                ERASURES,
                metadata={
                    "not_finished": sum(not each["finished_at"] for each in found),
                    "overdue": sum(each["is_overdue"] for each in found),
                    "erasures": dg.MetadataValue.table([_record(each) for each in found]),
                },
            ),
            dg.AssetCheckEvaluation(
                ERASURES,
                CHECK,
                passed=result.passed,
                metadata=result.metadata,
                description=result.description,
            ),
        ],
        cursor=seen,
    )


def _record(each: Mapping[str, Any]) -> dg.TableRecord:
    outstanding = "; ".join(f"{step}: {why}" for step, why in each["outstanding"].items())
    return dg.TableRecord(
        {
            **{name: each[name] if isinstance(each[name], bool) else each[name] or "" for name in _SHOWN},
            "steps_done": ", ".join(each["steps"]),
            "outstanding": outstanding,
        }
    )


@dg.asset_check(
    asset=ERASURES,
    name=CHECK,
    description=(
        "No erasure is past its deadline, a month after it was asked for. Looked at once a minute. When it "
        "is red: `footfall privacy erasures` says what is left; mend that, then `footfall privacy resume`."
    ),
)
def on_time(settings: dg.ResourceParam[Settings]) -> dg.AssetCheckResult:
    return verdict(shown_in(settings.home, datetime.now(UTC)))


@dg.definitions
def erasing() -> dg.Definitions:
    """The sensor knows its file; for a resource Dagster opens its storage with each tick."""
    home = given().settings.home
    shown = dg.AssetSpec(
        ERASURES,
        description=(
            "Erasures of persons, those that are not finished first: state, until when each is due, steps "
            "that are done, what is outstanding. Made by `footfall privacy erase` and the API, and gone on "
            "with by `footfall privacy resume`; shown within a minute. Nothing of a person stands here. When "
            "one is outstanding: mend what stands in its row, then `footfall privacy resume`."
        ),
        group_name="privacy",
        owners=["team:privacy"],
        kinds={"sqlite"},
    )
    sensor = dg.SensorDefinition(
        name="erasures",
        evaluation_fn=lambda context: erasures_as_they_are(context, home),
        minimum_interval_seconds=SECONDS,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Shows how far each erasure of a person is, and whether one is past its deadline.",
    )
    return dg.Definitions(assets=[shown], asset_checks=[on_time], sensors=[sensor])
