"""Alarms, whoever is told of them, and a dashboard of the same figures."""

from collections.abc import Mapping, Sequence

import aws_cdk as cdk
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_cloudwatch_actions as actions
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sns_subscriptions as subscriptions

from deploy.cdk.footfall_aws.options import Options

#: What a figure is summed over.
PERIOD = cdk.Duration.minutes(5)


def watch(
    stack: cdk.Stack,
    options: Options,
    limits: Mapping[str, tuple[cloudwatch.IMetric, float]],
    requests: Sequence[cloudwatch.IMetric],
) -> None:
    """Tell alarmEmail of whatever is at its limit or above twice in a row. `limits`: by name."""
    prefix = options.functionPrefix
    topic = sns.Topic(stack, "Alarms", enforce_ssl=True, master_key=None)
    if options.alarmEmail:
        topic.add_subscription(subscriptions.EmailSubscription(options.alarmEmail))
    for name, (metric, threshold) in limits.items():
        alarm = cloudwatch.Alarm(
            stack,
            f"Alarm-{name}",
            alarm_name=f"{prefix}-collector-{name}",
            metric=metric,
            threshold=threshold,
            evaluation_periods=2,
            treat_missing_data=cloudwatch.TreatMissingData.NOT_BREACHING,
            comparison_operator=cloudwatch.ComparisonOperator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD,
        )
        alarm.add_alarm_action(actions.SnsAction(topic))
    board = cloudwatch.Dashboard(stack, "Dashboard", dashboard_name=f"{prefix}-collector")
    board.add_widgets(
        cloudwatch.GraphWidget(title="Requests", left=list(requests)),
        cloudwatch.GraphWidget(title="Failures", left=[metric for metric, _ in limits.values()]),
    )
