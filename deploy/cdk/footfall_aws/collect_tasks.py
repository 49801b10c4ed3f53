"""Collection by tasks: a balancer with TLS → collectors on Fargate → lake.

A task's disk ends with its task, and a volume that ECS attaches to a task of a service is deleted with it: no
disk here outlives a collector. So a task that is told to stop ships for as long as Fargate lets it, and what
would make ECS stop one is kept to what cannot be helped: the balancer asks whether it answers at all, never
whether it is ready, because a task that cannot reach the lake is the one that holds events.
"""

from pathlib import Path
from typing import Any

import aws_cdk as cdk
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_ecr_assets as assets
from aws_cdk import aws_ecs as ecs
from aws_cdk import aws_elasticloadbalancingv2 as balancing
from aws_cdk import aws_iam as iam
from aws_cdk import aws_logs as logs
from constructs import Construct

from deploy.cdk.footfall_aws.collecting import collector_environment, grant_collecting, log_group
from deploy.cdk.footfall_aws.granting import Grant, grant
from deploy.cdk.footfall_aws.options import Options
from deploy.cdk.footfall_aws.storage import Storage
from deploy.cdk.footfall_aws.watching import PERIOD, watch

#: All addresses of the network: in it only the balancer reaches a task, and its word is believed.
NETWORK = "10.31.0.0/22"
PORT = 8080
#: Seconds between SIGTERM and SIGKILL: the most that Fargate gives. Of these the collector ships for so many.
STOP_SECONDS, LAST_SHIPPING_SECONDS = 120, 100
#: Seconds after which a segment is shipped. Lower: less is lost with a machine, and more requests are paid.
SEGMENT_SECONDS = 10
#: Seconds that requests under way have once the balancer sends no more; and that a container must have run
#: before another is started in its task.
DEREGISTER_SECONDS, RESTART_SECONDS = 20, 60
#: Its name is the task's, which no other ever has: markers of hours and objects are called after it.
COMMAND = 'FOOTFALL_COLLECTOR_ID="task-${ECS_CONTAINER_METADATA_URI_V4##*/}" exec python -m collector'


class CollectTasks(cdk.Stack):
    """The collector as tasks. `image`: the folder that deploy/build_collector.sh made."""

    def __init__(
        self, scope: Construct, name: str, options: Options, storage: Storage, image: Path, **more: Any
    ) -> None:
        super().__init__(scope, name, **more)
        prefix = options.functionPrefix
        vpc = ec2.Vpc(
            self,
            "Network",
            ip_addresses=ec2.IpAddresses.cidr(NETWORK),
            max_azs=2,  # a balancer wants two
            nat_gateways=0,
            subnet_configuration=[
                ec2.SubnetConfiguration(name="public", subnet_type=ec2.SubnetType.PUBLIC, cidr_mask=24)
            ],
        )
        # To S3 without the internet, and without a price.
        vpc.add_gateway_endpoint("S3", service=ec2.GatewayVpcEndpointAwsService.S3)
        self.service = self._service(options, storage, vpc, image)
        balancer = balancing.ApplicationLoadBalancer(
            self,
            "Balancer",
            load_balancer_name=f"{prefix}-collector",
            vpc=vpc,
            internet_facing=True,
            drop_invalid_header_fields=True,
            # Of the header only its end, which the balancer writes, is believed.
            xff_header_processing_mode=balancing.XffHeaderProcessingMode.APPEND,
            idle_timeout=cdk.Duration.seconds(60),  # the collector keeps connections for 75
        )
        listener = balancer.add_listener(
            "Tls",
            port=443,
            protocol=balancing.ApplicationProtocol.HTTPS,
            certificates=[balancing.ListenerCertificate.from_arn(options.certificateArn)],
            ssl_policy=balancing.SslPolicy.TLS13_RES,
        )
        group = listener.add_targets(
            "Tasks",
            port=PORT,
            protocol=balancing.ApplicationProtocol.HTTP,
            targets=[self.service],
            deregistration_delay=cdk.Duration.seconds(DEREGISTER_SECONDS),
            health_check=balancing.HealthCheck(
                path="/livez",
                interval=cdk.Duration.seconds(10),
                timeout=cdk.Duration.seconds(5),
                healthy_threshold_count=2,
                unhealthy_threshold_count=6,
            ),
        )
        scaling = self.service.auto_scale_task_count(
            min_capacity=options.taskCount, max_capacity=options.maxTaskCount
        )
        scaling.scale_on_cpu_utilization(
            "Cpu",
            target_utilization_percent=60,
            scale_out_cooldown=cdk.Duration.seconds(60),
            scale_in_cooldown=cdk.Duration.seconds(600),  # each step down ends a task
        )
        if options.enableMetrics:
            self._watch(options, balancer, group)
        cdk.CfnOutput(
            self, "Balancer-Name", key="Address", value=f"https://{balancer.load_balancer_dns_name}"
        )
        why = {
            "AwsSolutions-VPC7": "Flow logs hold addresses, which are stored nowhere.",
            "AwsSolutions-ELB2": "Access logs hold addresses, which are stored nowhere.",
            "AwsSolutions-EC23": "Visitors of the sites come from anywhere, to the balancer's one port.",
            "AwsSolutions-ECS2": "Settings, none of which is a secret; a test says so.",
            "AwsSolutions-ECS4": "Container Insights has a price; alarms are on figures that have none.",
        }
        cdk.Validations.of(self).acknowledge(
            *[cdk.Acknowledgment(id=rule, reason=reason) for rule, reason in why.items()]
        )

    def _service(self, options: Options, storage: Storage, vpc: ec2.Vpc, image: Path) -> ecs.FargateService:
        prefix = options.functionPrefix
        self.log = log_group(self, options, f"/footfall/{prefix}-collector")
        made = assets.DockerImageAsset(
            self, "Image", directory=str(image), platform=assets.Platform.LINUX_ARM64
        )
        role = iam.Role(
            self,
            "Role",
            assumed_by=iam.ServicePrincipal("ecs-tasks.amazonaws.com"),
            description="the collector",
        )
        grant_collecting(self, role, storage, options, goes_on=True)
        starting = iam.Role(
            self,
            "Starting",
            assumed_by=iam.ServicePrincipal("ecs-tasks.amazonaws.com"),
            description="what starts the collector: fetches its image, writes its log",
        )
        log = f"arn:aws:logs:{self.region}:{self.account}:log-group:/footfall/{prefix}-collector:*"
        grants = {
            "LogInToTheRegistry": Grant(
                ("ecr:GetAuthorizationToken",), ("*",), "The action knows no resource."
            ),
            "FetchTheImage": Grant(
                ("ecr:BatchCheckLayerAvailability", "ecr:GetDownloadUrlForLayer", "ecr:BatchGetImage"),
                (made.repository.repository_arn,),
                "the one repository",
            ),
            "WriteTheLog": Grant(
                ("logs:CreateLogStream", "logs:PutLogEvents"),
                (log,),
                "Streams of one log, which are called after tasks.",
            ),
        }
        grant(self, starting, grants)
        task = ecs.FargateTaskDefinition(
            self,
            "Task",
            family=f"{prefix}-collector",
            cpu=options.taskCpu,
            memory_limit_mib=options.taskMemory,
            task_role=role,
            execution_role=starting,
            runtime_platform=ecs.RuntimePlatform(
                cpu_architecture=ecs.CpuArchitecture.ARM64,  # a fifth cheaper
                operating_system_family=ecs.OperatingSystemFamily.LINUX,
            ),
            # The task's own disk: a container that is started again in its task finds its spool there.
            volumes=[ecs.Volume(name="state"), ecs.Volume(name="tmp")],
        )
        system = ecs.LinuxParameters(self, "Linux", init_process_enabled=True)
        system.drop_capabilities(ecs.Capability.ALL)
        container = task.add_container(
            "collector",
            image=ecs.ContainerImage.from_registry(made.image_uri),
            command=["sh", "-c", COMMAND],
            user="10001:10001",
            readonly_root_filesystem=True,
            linux_parameters=system,
            stop_timeout=cdk.Duration.seconds(STOP_SECONDS),
            enable_restart_policy=True,
            restart_attempt_period=cdk.Duration.seconds(RESTART_SECONDS),
            restart_ignored_exit_codes=[0],
            environment={
                **collector_environment(options, storage),
                # Two at least: above them is a process that starts one again that dies.
                "FOOTFALL_COLLECTOR_WORKERS": str(max(2, options.taskCpu // 1024)),
                "FOOTFALL_LAST_SHIPPING_SECONDS": str(LAST_SHIPPING_SECONDS),
                "FOOTFALL_SEGMENT_SECONDS": str(SEGMENT_SECONDS),
                "FOOTFALL_TRUSTED_PROXIES": NETWORK,
            },
            port_mappings=[ecs.PortMapping(container_port=PORT)],
            ulimits=[ecs.Ulimit(name=ecs.UlimitName.NOFILE, soft_limit=65536, hard_limit=65536)],
            # A log that is away must not hold up the collector.
            logging=ecs.GenericLogDriver(
                log_driver="awslogs",
                options={
                    "awslogs-group": self.log.log_group_name,
                    "awslogs-region": self.region,
                    "awslogs-stream-prefix": "collector",
                    "mode": "non-blocking",
                    "max-buffer-size": "4m",
                },
            ),
        )
        for volume, path in (("state", "/var/lib/footfall"), ("tmp", "/tmp")):
            container.add_mount_points(
                ecs.MountPoint(source_volume=volume, container_path=path, read_only=False)
            )
        door = ec2.SecurityGroup(
            self, "Door", vpc=vpc, description="from the balancer alone", allow_all_outbound=False
        )
        door.add_egress_rule(
            ec2.Peer.any_ipv4(), ec2.Port.tcp(443), "the lake, its key, the registry, the log"
        )
        return ecs.FargateService(
            self,
            "Service",
            service_name=f"{prefix}-collector",
            cluster=ecs.Cluster(self, "Cluster", cluster_name=f"{prefix}-collector", vpc=vpc),
            task_definition=task,
            assign_public_ip=True,  # in place of a NAT, which costs more than all else
            vpc_subnets=ec2.SubnetSelection(subnet_type=ec2.SubnetType.PUBLIC),
            security_groups=[door],
            min_healthy_percent=100,
            max_healthy_percent=200,
            circuit_breaker=ecs.DeploymentCircuitBreaker(rollback=True),
            health_check_grace_period=cdk.Duration.seconds(60),
        )

    def _watch(
        self,
        options: Options,
        balancer: balancing.ApplicationLoadBalancer,
        group: balancing.ApplicationTargetGroup,
    ) -> None:
        errors = logs.MetricFilter(
            self,
            "Errors",
            log_group=self.log,
            filter_pattern=logs.FilterPattern.string_value("$.level", "=", "ERROR"),
            metric_namespace="Footfall",
            metric_name=f"{options.functionPrefix}-collector-errors",
        )
        limits: dict[str, tuple[cloudwatch.IMetric, float]] = {
            # The lake away among them: then no task should be ended.
            "errors": (errors.metric(period=PERIOD, statistic="Sum"), 1),
            "unhealthy": (group.metrics.unhealthy_host_count(period=PERIOD, statistic="Maximum"), 1),
            "refused": (
                group.metrics.http_code_target(balancing.HttpCodeTarget.TARGET_5XX_COUNT, period=PERIOD), 5,
            ),
            "server-errors": (
                balancer.metrics.http_code_elb(balancing.HttpCodeElb.ELB_5XX_COUNT, period=PERIOD), 5,
            ),
            "slow": (group.metrics.target_response_time(period=PERIOD, statistic="p99"), 2),
            "busy": (self.service.metric_cpu_utilization(period=PERIOD), 90),
        }  # fmt: skip
        watch(self, options, limits, [balancer.metrics.request_count(period=PERIOD)])
