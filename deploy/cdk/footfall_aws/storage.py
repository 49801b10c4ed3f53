"""What must not be lost: the lake and the backup bucket, with a key of their own."""

from collections.abc import Mapping, Sequence
from typing import Any

import aws_cdk as cdk
from aws_cdk import aws_kms as kms
from aws_cdk import aws_s3 as s3
from constructs import Construct

from deploy.cdk.footfall_aws.options import Options
from footfall.retention.lifecycle_rules import rules_of_deliveries, rules_of_lake
from footfall.retention.rules import Retention


class Storage(cdk.Stack):
    """Two buckets that nobody but named roles reaches, over TLS alone.

    `retention`: of all clients; so the rules of the buckets are those of `footfall privacy lifecycle`.
    """

    def __init__(
        self,
        scope: Construct,
        name: str,
        options: Options,
        retention: Sequence[Retention] = (),
        **more: object,
    ) -> None:
        super().__init__(scope, name, **more)
        keep = cdk.RemovalPolicy.RETAIN if options.is_prod else cdk.RemovalPolicy.DESTROY
        self.key = kms.Key(
            self,
            "Key",
            enable_key_rotation=True,
            removal_policy=keep,
            description="Footfall: lake and backup",
        )
        self._prefix = options.functionPrefix
        # No versions: a salt that is destroyed must be gone. Objects of the lake never change otherwise.
        rules = rules_of_lake("", retention, is_held=options.legalHold)
        self.lake = self._bucket("Lake", keep, rules, versioned=False)
        # Versions: what others overwrite or delete there can be undone for a week. The machine may remove
        # versions too, because an erased person must be in none.
        self.backup = self._bucket("Backup", keep, rules_of_deliveries(""), versioned=True)

    def name_of(self, bucket: str) -> str:
        """The name of `lake` or `backup`: nobody else's, as the account is in it."""
        return f"{self._prefix}-{bucket}-{self.account}-{self.region}"

    def arn_of(self, bucket: str) -> str:
        """The same as roles name it."""
        return f"arn:aws:s3:::{self.name_of(bucket)}"

    def _bucket(
        self, name: str, keep: cdk.RemovalPolicy, rules: Sequence[Mapping[str, Any]], *, versioned: bool
    ) -> s3.Bucket:
        bucket = s3.Bucket(
            self,
            name,
            bucket_name=self.name_of(name.lower()),
            encryption=s3.BucketEncryption.KMS,
            encryption_key=self.key,
            bucket_key_enabled=True,  # else each object asks the key service, and pays for it
            block_public_access=s3.BlockPublicAccess.BLOCK_ALL,
            object_ownership=s3.ObjectOwnership.BUCKET_OWNER_ENFORCED,
            enforce_ssl=True,
            minimum_tls_version=1.2,
            versioned=versioned,
            removal_policy=keep,
            lifecycle_rules=[_rule(each) for each in rules],
        )
        why = "Access logs hold addresses; who may reach the bucket is two roles, seen in CloudTrail."
        cdk.Validations.of(bucket).acknowledge(cdk.Acknowledgment(id="AwsSolutions-S1", reason=why))
        return bucket


def _rule(rule: Mapping[str, Any]) -> s3.LifecycleRule:
    """A rule as S3 has it, as the CDK has it."""

    def days(of: str, name: str) -> cdk.Duration | None:
        return cdk.Duration.days(rule[of][name]) if of in rule else None

    return s3.LifecycleRule(
        id=rule["ID"],
        prefix=rule["Filter"]["Prefix"] or None,
        expiration=days("Expiration", "Days"),
        noncurrent_version_expiration=days("NoncurrentVersionExpiration", "NoncurrentDays"),
        abort_incomplete_multipart_upload_after=days("AbortIncompleteMultipartUpload", "DaysAfterInitiation"),
    )
