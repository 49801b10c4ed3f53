"""Collection without a machine: HTTP API → function → lake, and CloudFront before it."""

import hashlib
from pathlib import Path
from typing import Any

import aws_cdk as cdk
from aws_cdk import aws_apigatewayv2 as apigateway
from aws_cdk import aws_apigatewayv2_integrations as integrations
from aws_cdk import aws_cloudfront as cloudfront
from aws_cdk import aws_cloudfront_origins as origins
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as functions
from constructs import Construct

from deploy.cdk.footfall_aws.collecting import collector_environment, grant_collecting, log_group
from deploy.cdk.footfall_aws.granting import Grant, grant
from deploy.cdk.footfall_aws.options import Options
from deploy.cdk.footfall_aws.storage import Storage
from deploy.cdk.footfall_aws.watching import PERIOD, watch

#: Requests a second, and at once, that the API lets through: a bound of what an attack can cost.
RATE, BURST = 500, 1000


class Collect(cdk.Stack):
    """The collector as a function. `code`: the folder that deploy/build_function.sh made."""

    def __init__(
        self, scope: Construct, name: str, options: Options, storage: Storage, code: Path, **more: Any
    ) -> None:
        super().__init__(scope, name, **more)
        prefix = options.functionPrefix
        group = log_group(self, options, _log_name(prefix))
        role = iam.Role(
            self, "Role", assumed_by=iam.ServicePrincipal("lambda.amazonaws.com"), description="the collector"
        )
        grant_collecting(self, role, storage, options, goes_on=False)
        grant(self, role, {"WriteTheLog": _log_grant(self, prefix)})
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
                **collector_environment(options, storage),
                "FOOTFALL_CLIENTS": "clients",
                "FOOTFALL_HOME": "/tmp/footfall",
                "FOOTFALL_COLLECTOR_ID": f"{prefix}-function",
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
        for source_arn in options.grantInvokeToApiGateway:
            self.grant_invoke_to_api_gateway(source_arn)
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
        # The same name each time, or each deployment would take the permission away and give it anew.
        name = hashlib.sha256(source_arn.encode()).hexdigest()[:12]
        self.function.add_permission(
            f"Invoke-{name}",
            principal=iam.ServicePrincipal("apigateway.amazonaws.com"),
            source_arn=source_arn,
        )


def _log_grant(stack: cdk.Stack, prefix: str) -> Grant:
    log = f"arn:aws:logs:{stack.region}:{stack.account}:log-group:{_log_name(prefix)}:*"
    return Grant(
        ("logs:CreateLogStream", "logs:PutLogEvents"), (log,), "Streams of one log, which the function names."
    )


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
    function = stack.function
    slow = options.lambdaTimeout * 1000 * 8 // 10
    limits = {
        "errors": (function.metric_errors(period=PERIOD), 1),
        "throttles": (function.metric_throttles(period=PERIOD), 1),
        "slow": (function.metric_duration(period=PERIOD, statistic="p99"), slow),
        "server-errors": (stage.metric_server_error(period=PERIOD), 5),
    }
    requests = [stage.metric_count(period=PERIOD), function.metric_invocations(period=PERIOD)]
    watch(stack, options, limits, requests)
