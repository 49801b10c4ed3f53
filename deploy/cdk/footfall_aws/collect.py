"""Collection without a machine: HTTP API → function → lake, and CloudFront before it."""

from pathlib import Path
from typing import Any

import aws_cdk as cdk
from aws_cdk import aws_apigatewayv2 as apigateway
from aws_cdk import aws_apigatewayv2_integrations as integrations
from aws_cdk import aws_cloudfront as cloudfront
from aws_cdk import aws_cloudfront_origins as origins
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_cloudwatch_actions as actions
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as functions
from aws_cdk import aws_logs as logs
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sns_subscriptions as subscriptions
from constructs import Construct

from deploy.cdk.footfall_aws.granting import Grant, explain, grant
from deploy.cdk.footfall_aws.options import Options
from deploy.cdk.footfall_aws.storage import Storage

#: Requests a second, and at once, that the API lets through: a bound of what an attack can cost.
RATE, BURST = 500, 1000


class Collect(cdk.Stack):
    """The collector as a function. `code`: the folder that deploy/build_function.sh made."""

    def __init__(
        self, scope: Construct, name: str, options: Options, storage: Storage, code: Path, **more: Any
    ) -> None:
        super().__init__(scope, name, **more)
        prefix = options.functionPrefix
        group = logs.LogGroup(
            self,
            "Log",
            log_group_name=_log_name(prefix),
            retention=logs.RetentionDays[_DAYS[options.logDays]],
            removal_policy=cdk.RemovalPolicy.DESTROY,
        )
        role = iam.Role(
            self, "Role", assumed_by=iam.ServicePrincipal("lambda.amazonaws.com"), description="the collector"
        )
        _grant_collector(self, role, storage, prefix)
        for statement in options.additionalPolicies:
            role.add_to_policy(iam.PolicyStatement.from_json(statement))
            named = statement.get("Resource", [])
            explain(self, tuple([named] if isinstance(named, str) else named), "as the options file says")
        self.function = functions.Function(
            self,
            "Collector",
            function_name=f"{prefix}-collector",
            runtime=functions.Runtime.PYTHON_3_13,
            architecture=functions.Architecture.ARM_64,  # a fifth cheaper
            handler="collector.lambda_handler.handler",
            code=functions.Code.from_asset(str(code)),
            memory_size=options.lambdaMemory,
            timeout=cdk.Duration.seconds(options.lambdaTimeout),
            log_group=group,
            role=role,
            environment={
                "FOOTFALL_LAKE": f"s3://{storage.name_of('lake')}",
                "FOOTFALL_CLIENTS": "clients",
                "FOOTFALL_HOME": "/tmp/footfall",
                "FOOTFALL_COLLECTOR_ID": f"{prefix}-function",
                "FOOTFALL_CORS_ORIGINS": options.corsOrigin,
                "FOOTFALL_ENVIRONMENT": options.environment,
                "FOOTFALL_LOG_FORMAT": "json",
            },
        )
        self.api = apigateway.HttpApi(
            self,
            "Api",
            api_name=f"{prefix}-collect",
            # No CORS of the gateway's: the collector answers preflights, and two answers are one too many.
            default_integration=integrations.HttpLambdaIntegration("Collector", self.function),
            create_default_stage=False,
        )
        stage = apigateway.HttpStage(
            self,
            "Stage",
            http_api=self.api,
            stage_name="$default",
            auto_deploy=True,
            throttle=apigateway.ThrottleSettings(rate_limit=RATE, burst_limit=BURST),
        )
        self.distribution = _distribution(self, self.api)
        if options.enableMetrics:
            _watch(self, options, stage)
        cdk.CfnOutput(self, "Address", value=f"https://{self.distribution.distribution_domain_name}")
        why = {
            "AwsSolutions-APIG1": "Access logs hold addresses, which are stored nowhere.",
            "AwsSolutions-APIG4": "Pages of anybody send here; the site key says whose the event is.",
            "AwsSolutions-CFR1": "Visitors of the sites come from anywhere.",
            "AwsSolutions-CFR2": "A firewall is a choice with a monthly price; the collector has limits.",
            "AwsSolutions-CFR3": "Access logs hold addresses, which are stored nowhere.",
            "AwsSolutions-CFR4": "The default certificate of CloudFront; with a domain of yours TLS "
            "1.2 is set.",
            "AwsSolutions-L1": "3.13 is the newest that Footfall is tested with.",
        }
        cdk.Validations.of(self).acknowledge(
            *[cdk.Acknowledgment(id=rule, reason=reason) for rule, reason in why.items()]
        )

    def grant_invoke_to_api_gateway(self, source_arn: str) -> None:
        """Let another API, `arn:aws:execute-api:REGION:ACCOUNT:ID/*`, call the function."""
        self.function.add_permission(
            f"Invoke{cdk.Names.unique_id(self)[-8:]}{abs(hash(source_arn)) % 10**6}",
            principal=iam.ServicePrincipal("apigateway.amazonaws.com"),
            source_arn=source_arn,
        )


#: Days → what CDK calls them.
_DAYS = {
    1: "ONE_DAY", 3: "THREE_DAYS", 5: "FIVE_DAYS", 7: "ONE_WEEK", 14: "TWO_WEEKS", 30: "ONE_MONTH",
    60: "TWO_MONTHS", 90: "THREE_MONTHS", 120: "FOUR_MONTHS", 150: "FIVE_MONTHS", 180: "SIX_MONTHS",
    365: "ONE_YEAR",
}  # fmt: skip


def _grant_collector(stack: cdk.Stack, role: iam.Role, storage: Storage, prefix: str) -> None:
    lake = storage.arn_of("lake")
    log = f"arn:aws:logs:{stack.region}:{stack.account}:log-group:{_log_name(prefix)}:*"
    below = "Names of objects are made of hours and hashes."
    grants = {
        "PutEventsAndSalts": Grant(
            ("s3:PutObject",),
            tuple(f"{lake}/{part}/*" for part in ("raw", "salts", "closed", "probe")),
            below,
        ),
        "ReadSaltsAndVersion": Grant(("s3:GetObject",), (f"{lake}/*",), below),
        "DestroyOldSalts": Grant(("s3:DeleteObject",), (f"{lake}/salts/*", f"{lake}/probe/*"), below),
        "SeeWhatIsThere": Grant(
            ("s3:ListBucket",), (lake,), "S3 says of a missing key that it is forbidden."
        ),
        "SealWithTheKey": Grant(
            ("kms:GenerateDataKey", "kms:Decrypt"), (storage.key.key_arn,), "the lake's key"
        ),
        "WriteTheLog": Grant(
            ("logs:CreateLogStream", "logs:PutLogEvents"),
            (log,),
            "Streams of one log, which the function names.",
        ),
    }
    grant(stack, role, grants)


def _log_name(prefix: str) -> str:
    return f"/aws/lambda/{prefix}-collector"


def _distribution(stack: Collect, api: apigateway.HttpApi) -> cloudfront.Distribution:
    """CloudFront: the pixel from its caches, all else to the API as it came."""
    origin = origins.HttpOrigin(
        cdk.Fn.select(2, cdk.Fn.split("/", api.api_endpoint)),
        protocol_policy=cloudfront.OriginProtocolPolicy.HTTPS_ONLY,
        origin_ssl_protocols=[cloudfront.OriginSslPolicy.TLS_V1_2],
    )
    common = {
        "origin": origin,
        "viewer_protocol_policy": cloudfront.ViewerProtocolPolicy.HTTPS_ONLY,
        "origin_request_policy": cloudfront.OriginRequestPolicy.ALL_VIEWER_EXCEPT_HOST_HEADER,
    }
    return cloudfront.Distribution(
        stack,
        "Edge",
        comment="Footfall: pixel and collector",
        http_version=cloudfront.HttpVersion.HTTP2_AND_3,
        price_class=cloudfront.PriceClass.PRICE_CLASS_100,
        default_behavior=cloudfront.BehaviorOptions(
            **common,
            allowed_methods=cloudfront.AllowedMethods.ALLOW_ALL,
            cache_policy=cloudfront.CachePolicy.CACHING_DISABLED,
        ),
        additional_behaviors={
            "*.js": cloudfront.BehaviorOptions(
                **common, cache_policy=cloudfront.CachePolicy.USE_ORIGIN_CACHE_CONTROL_HEADERS
            )
        },
    )


def _watch(stack: Collect, options: Options, stage: apigateway.HttpStage) -> None:
    """Alarms, whoever is told, and a dashboard."""
    prefix, function = options.functionPrefix, stack.function
    topic = sns.Topic(stack, "Alarms", enforce_ssl=True, master_key=None)
    if options.alarmEmail:
        topic.add_subscription(subscriptions.EmailSubscription(options.alarmEmail))
    minutes = cdk.Duration.minutes(5)
    metrics = {
        "errors": (function.metric_errors(period=minutes), 1),
        "throttles": (function.metric_throttles(period=minutes), 1),
        "slow": (
            function.metric_duration(period=minutes, statistic="p99"),
            options.lambdaTimeout * 1000 * 8 // 10,
        ),
        "server-errors": (stage.metric_server_error(period=minutes), 5),
    }
    for name, (metric, threshold) in metrics.items():
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
        cloudwatch.GraphWidget(
            title="Requests",
            left=[stage.metric_count(period=minutes), function.metric_invocations(period=minutes)],
        ),
        cloudwatch.GraphWidget(title="Failures", left=[metric for metric, _ in metrics.values()]),
    )
