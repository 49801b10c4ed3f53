"""A client's side: the role that we deliver as, in an account of the client's, and nothing else.

Synthesised as a plain template without parameters of CDK's, so that a client can give it to CloudFormation
as it is.
"""

from typing import Any

import aws_cdk as cdk
from aws_cdk import aws_iam as iam
from aws_cdk import aws_s3 as s3
from constructs import Construct


class ClientRole(cdk.Stack):
    """Parameters: who delivers (a role's ARN), the external id, the bucket, the prefix."""

    def __init__(self, scope: Construct, name: str, **more: Any) -> None:
        super().__init__(
            scope,
            name,
            synthesizer=cdk.DefaultStackSynthesizer(generate_bootstrap_version_rule=False),
            **more,
        )
        sender = cdk.CfnParameter(
            self,
            "Sender",
            description="ARN of the role that delivers; whoever runs Footfall names it",
            allowed_pattern=r"^arn:aws:iam::\d{12}:role/.+$",
        )
        external = cdk.CfnParameter(
            self,
            "ExternalId",
            description="as in your client file; nobody else is given it",
            min_length=16,
        )
        bucket = cdk.CfnParameter(self, "Bucket", description="your bucket", min_length=3)
        prefix = cdk.CfnParameter(
            self,
            "Prefix",
            description="below which is written, without a slash at its end",
            default="footfall",
        )
        client = cdk.CfnParameter(
            self, "ClientId", description="what Footfall calls you", allowed_pattern="^[a-z0-9][a-z0-9_-]*$"
        )
        removes = cdk.CfnParameter(
            self,
            "Removes",
            description="yes: files of persons who are erased, or that your retention lets go, are removed",
            default="no",
            allowed_values=["yes", "no"],
        )
        closes = cdk.CfnParameter(
            self,
            "BucketPolicy",
            description="yes: the bucket, which has no policy yet, gets one: TLS alone, and below the prefix "
            "nobody but the role puts objects",
            default="no",
            allowed_values=["yes", "no"],
        )
        has_policy = cdk.CfnCondition(
            self, "HasPolicy", expression=cdk.Fn.condition_equals(closes.value_as_string, "yes")
        )
        may_remove = cdk.CfnCondition(
            self, "MayRemove", expression=cdk.Fn.condition_equals(removes.value_as_string, "yes")
        )
        below = f"arn:aws:s3:::{bucket.value_as_string}/{prefix.value_as_string}"
        role = iam.CfnRole(
            self,
            "Role",
            role_name=f"FootfallDelivery-{client.value_as_string}",
            assume_role_policy_document={
                "Version": "2012-10-17",
                "Statement": [
                    {
                        "Effect": "Allow",
                        "Principal": {"AWS": sender.value_as_string},
                        "Action": "sts:AssumeRole",
                        "Condition": {"StringEquals": {"sts:ExternalId": external.value_as_string}},
                    }
                ],
            },
            policies=[
                iam.CfnRole.PolicyProperty(
                    policy_name="Deliver",
                    policy_document={
                        "Version": "2012-10-17",
                        "Statement": [
                            {
                                "Sid": "PutAndReadBack",
                                "Effect": "Allow",
                                "Action": ["s3:PutObject", "s3:GetObject"],
                                "Resource": f"{below}/*",
                            },
                            {
                                "Sid": "RemoveProbes",
                                "Effect": "Allow",
                                "Action": "s3:DeleteObject",
                                "Resource": f"{below}/_probe/*",
                            },
                            cdk.Fn.condition_if(
                                may_remove.logical_id,
                                {
                                    "Sid": "RemoveWhatIsErasedOrExpired",
                                    "Effect": "Allow",
                                    "Action": ["s3:DeleteObject", "s3:DeleteObjectVersion"],
                                    "Resource": f"{below}/*",
                                },
                                cdk.Aws.NO_VALUE,
                            ),
                            cdk.Fn.condition_if(
                                may_remove.logical_id,
                                {
                                    "Sid": "SeeVersionsOfWhatIsErased",
                                    "Effect": "Allow",
                                    "Action": ["s3:ListBucketVersions", "s3:GetBucketVersioning"],
                                    "Resource": f"arn:aws:s3:::{bucket.value_as_string}",
                                },
                                cdk.Aws.NO_VALUE,
                            ),
                            {
                                "Sid": "SeeWhatIsThere",
                                "Effect": "Allow",
                                "Action": "s3:ListBucket",
                                "Resource": f"arn:aws:s3:::{bucket.value_as_string}",
                            },
                        ],
                    },
                )
            ],
        )
        whole = f"arn:aws:s3:::{bucket.value_as_string}"
        policy = s3.CfnBucketPolicy(
            self,
            "Policy",
            bucket=bucket.value_as_string,
            policy_document={
                "Version": "2012-10-17",
                "Statement": [
                    {
                        "Sid": "TlsAlone",
                        "Effect": "Deny",
                        "Principal": "*",
                        "Action": "s3:*",
                        "Resource": [whole, f"{whole}/*"],
                        "Condition": {"Bool": {"aws:SecureTransport": "false"}},
                    },
                    {
                        "Sid": "NobodyElsePuts",
                        "Effect": "Deny",
                        "Principal": "*",
                        "Action": "s3:PutObject",
                        "Resource": f"{below}/*",
                        "Condition": {"ArnNotEquals": {"aws:PrincipalArn": role.attr_arn}},
                    },
                ],
            },
        )
        policy.cfn_options.condition = has_policy
        cdk.CfnOutput(
            self,
            "Challenge",
            value=f"s3://{bucket.value_as_string}/{prefix.value_as_string}/_challenge/",
            description="with `ownership: challenge`: tell whoever runs Footfall the token that is put here",
        )
        cdk.CfnOutput(self, "RoleArn", value=role.attr_arn, description="tell this to whoever runs Footfall")
        for below in ("*", "_probe/*"):
            cdk.Validations.of(self).acknowledge(
                cdk.Acknowledgment(
                    id=f"AwsSolutions-IAM5[Resource::arn:aws:s3:::<Bucket>/<Prefix>/{below}]",
                    reason="Objects below one prefix: their names are made of periods.",
                )
            )
