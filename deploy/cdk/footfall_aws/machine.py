"""The one machine: Dagster, API and whatever delivers, with its state on a block volume.

No network file system: SQLite's write-ahead log and DuckDB need a local disk, and the warehouse is made
again from the lake. The small layout has neither a NAT nor a database server, which cost more than all else
together.
"""

import json
from typing import Any

import aws_cdk as cdk
from aws_cdk import aws_budgets as budgets
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_iam as iam
from aws_cdk import aws_rds as rds
from aws_cdk import aws_scheduler as scheduler
from constructs import Construct

from deploy.cdk.footfall_aws.granting import Grant, grant
from deploy.cdk.footfall_aws.options import Options
from deploy.cdk.footfall_aws.storage import Storage

#: The finding about Session Manager's own policy.
SESSIONS = "AwsSolutions-IAM4[Policy::arn:<AWS::Partition>:iam::aws:policy/AmazonSSMManagedInstanceCore]"
#: Roles in clients' accounts that we may take: the name is that of the stack for clients.
CLIENT_ROLES = "FootfallDelivery-*"


class Machine(cdk.Stack):
    """An instance that nobody reaches from outside: Session Manager is the door."""

    def __init__(self, scope: Construct, name: str, options: Options, storage: Storage, **more: Any) -> None:
        super().__init__(scope, name, **more)
        inside = ec2.SubnetConfiguration(
            name="inside", subnet_type=ec2.SubnetType.PRIVATE_ISOLATED, cidr_mask=24
        )
        public = ec2.SubnetConfiguration(name="public", subnet_type=ec2.SubnetType.PUBLIC, cidr_mask=24)
        is_larger = options.layout == "larger"
        vpc = ec2.Vpc(
            self,
            "Network",
            max_azs=2 if is_larger else 1,
            nat_gateways=0,
            subnet_configuration=[public, *([inside] if is_larger else [])],
        )
        # To S3 without the internet, and without a price.
        vpc.add_gateway_endpoint("S3", service=ec2.GatewayVpcEndpointAwsService.S3)
        group = ec2.SecurityGroup(self, "Group", vpc=vpc, description="no door", allow_all_outbound=True)
        role = iam.Role(
            self,
            "Role",
            role_name=f"{options.functionPrefix}-machine",
            assumed_by=iam.ServicePrincipal("ec2.amazonaws.com"),
            managed_policies=[iam.ManagedPolicy.from_aws_managed_policy_name("AmazonSSMManagedInstanceCore")],
        )
        _grant_machine(self, role, storage, options)
        self.instance = ec2.Instance(
            self,
            "Instance",
            vpc=vpc,
            vpc_subnets=ec2.SubnetSelection(subnet_type=ec2.SubnetType.PUBLIC),
            instance_type=ec2.InstanceType(options.instance),
            # Of the first deployment, as cdk.context.json keeps it: another image is another machine.
            machine_image=ec2.MachineImage.latest_amazon_linux2023(
                cpu_type=ec2.AmazonLinuxCpuType.ARM_64,
                cached_in_context=not cdk.Token.is_unresolved(self.account),
            ),
            security_group=group,
            role=role,
            require_imdsv2=True,
            detailed_monitoring=options.is_prod,
            block_devices=[
                ec2.BlockDevice(
                    device_name="/dev/xvda",
                    volume=ec2.BlockDeviceVolume.ebs(
                        options.diskGigabytes,
                        encrypted=True,
                        volume_type=ec2.EbsDeviceVolumeType.GP3,
                        delete_on_termination=not options.is_prod,
                    ),
                )
            ],
        )
        if is_larger:
            self._database(options, vpc, group)
        if options.machineHours:
            self._sleep(options)
        self._budget(options)
        why = {
            "AwsSolutions-VPC7": "Flow logs hold addresses; nothing listens.",
            SESSIONS: "Session Manager's own policy, in place of a port for SSH.",
            "AwsSolutions-EC28": "Detailed metrics have a price; prod has them.",
            "AwsSolutions-EC29": "What must not be lost is in the lake; an instance may be replaced.",
        }
        if is_larger:
            why |= {
                "AwsSolutions-RDS3": "Dagster's history alone: a second zone doubles its price.",
                "AwsSolutions-RDS11": "The port is reached from one security group.",
                "AwsSolutions-SMG4": "The password is read at the start; it is changed by hand with "
                "a restart.",
                "AwsSolutions-RDS10": "dev may be taken down whole.",
            }
        cdk.Validations.of(self).acknowledge(
            *[cdk.Acknowledgment(id=rule, reason=reason) for rule, reason in why.items()]
        )

    def _database(self, options: Options, vpc: ec2.Vpc, group: ec2.SecurityGroup) -> None:
        """Dagster's history on RDS, in subnets without a way out."""
        database = rds.DatabaseInstance(
            self,
            "History",
            engine=rds.DatabaseInstanceEngine.postgres(version=rds.PostgresEngineVersion.VER_17),
            instance_type=ec2.InstanceType("t4g.micro"),
            vpc=vpc,
            vpc_subnets=ec2.SubnetSelection(subnet_type=ec2.SubnetType.PRIVATE_ISOLATED),
            credentials=rds.Credentials.from_generated_secret(
                "footfall", secret_name=f"footfall/{options.environment}/postgres"
            ),
            database_name="footfall",
            storage_encrypted=True,
            allocated_storage=20,
            backup_retention=cdk.Duration.days(7),
            iam_authentication=True,
            deletion_protection=options.is_prod,
            publicly_accessible=False,
            removal_policy=cdk.RemovalPolicy.SNAPSHOT if options.is_prod else cdk.RemovalPolicy.DESTROY,
        )
        database.connections.allow_default_port_from(group)

    def _sleep(self, options: Options) -> None:
        """Start and stop the instance once a day."""
        role = iam.Role(self, "Waker", assumed_by=iam.ServicePrincipal("scheduler.amazonaws.com"))
        which = f"arn:aws:ec2:{self.region}:{self.account}:instance/{self.instance.instance_id}"
        acts = ("ec2:StartInstances", "ec2:StopInstances")
        grant(self, role, {"WakeTheMachine": Grant(acts, (which,), "the one instance")})
        for act, moment in zip(("start", "stop"), options.machineHours.split("-"), strict=True):
            hour, _, minute = moment.partition(":")
            scheduler.CfnSchedule(
                self,
                f"Schedule-{act}",
                name=f"{options.functionPrefix}-machine-{act}",
                flexible_time_window=scheduler.CfnSchedule.FlexibleTimeWindowProperty(mode="OFF"),
                schedule_expression=f"cron({int(minute)} {int(hour)} * * ? *)",
                schedule_expression_timezone="UTC",
                target=scheduler.CfnSchedule.TargetProperty(
                    arn=f"arn:aws:scheduler:::aws-sdk:ec2:{act}Instances",
                    role_arn=role.role_arn,
                    input=json.dumps({"InstanceIds": [self.instance.instance_id]}),
                ),
            )

    def _budget(self, options: Options) -> None:
        told = [
            budgets.CfnBudget.NotificationWithSubscribersProperty(
                notification=budgets.CfnBudget.NotificationProperty(
                    comparison_operator="GREATER_THAN", notification_type=kind, threshold=100
                ),
                subscribers=[
                    budgets.CfnBudget.SubscriberProperty(
                        address=options.alarmEmail, subscription_type="EMAIL"
                    )
                ],
            )
            for kind in ("ACTUAL", "FORECASTED")
        ]
        budgets.CfnBudget(
            self,
            "Budget",
            budget=budgets.CfnBudget.BudgetDataProperty(
                budget_name=f"{options.functionPrefix}-month",
                budget_type="COST",
                time_unit="MONTHLY",
                budget_limit=budgets.CfnBudget.SpendProperty(amount=options.monthlyBudget, unit="USD"),
            ),
            notifications_with_subscribers=told if options.alarmEmail else None,
        )


def _grant_machine(stack: cdk.Stack, role: iam.Role, storage: Storage, options: Options) -> None:
    lake, backup = storage.arn_of("lake"), storage.arn_of("backup")
    secrets = f"arn:aws:secretsmanager:{stack.region}:{stack.account}:secret:footfall/{options.environment}/*"
    below = "Names of objects are made of clients, hours and hashes."
    grants = {
        "KeepLakeAndBackup": Grant(("s3:PutObject", "s3:GetObject"), (f"{lake}/*", f"{backup}/*"), below),
        "RemoveWhatIsReplacedErasedOrExpired": Grant(
            ("s3:DeleteObject",), (f"{lake}/*", f"{backup}/*"), below
        ),
        # The lake keeps none. For this, what an intruder on the machine removes in the backup is gone.
        "RemoveVersionsOfWhatIsErased": Grant(("s3:DeleteObjectVersion",), (f"{backup}/*",), below),
        "SeeVersionsOfWhatIsErased": Grant(
            ("s3:ListBucketVersions", "s3:GetBucketVersioning"),
            (lake, backup),
            "An erased person is in no older version.",
        ),
        "SeeWhatIsThere": Grant(("s3:ListBucket",), (lake, backup), "what is late, and what was delivered"),
        "SealWithTheKey": Grant(("kms:GenerateDataKey", "kms:Decrypt"), (storage.key.key_arn,), "their key"),
        "DeliverAsClientsAllow": Grant(
            ("sts:AssumeRole",),
            (f"arn:aws:iam::*:role/{CLIENT_ROLES}",),
            "Roles in clients' accounts, by the name that the template for clients gives them.",
        ),
        "ReadSecretsOfThisEnvironment": Grant(
            ("secretsmanager:GetSecretValue",),
            (secrets,),
            "Secrets Manager ends each name with signs of its own.",
        ),
    }
    grant(stack, role, grants)
