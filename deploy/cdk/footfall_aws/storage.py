"""What must not be lost: the lake and the backup bucket, with a key of their own."""

import aws_cdk as cdk
from aws_cdk import aws_kms as kms
from aws_cdk import aws_s3 as s3
from constructs import Construct

from deploy.cdk.footfall_aws.options import Options


class Storage(cdk.Stack):
    """Two buckets that nobody but named roles reaches, over TLS alone."""

    def __init__(self, scope: Construct, name: str, options: Options, **more: object) -> None:
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
        self.lake = self._bucket("Lake", keep, versioned=False)
        # Versions: whatever overwrites or deletes there is undone within a month.
        self.backup = self._bucket("Backup", keep, versioned=True)

    def name_of(self, bucket: str) -> str:
        """The name of `lake` or `backup`: nobody else's, as the account is in it."""
        return f"{self._prefix}-{bucket}-{self.account}-{self.region}"

    def arn_of(self, bucket: str) -> str:
        """The same as roles name it."""
        return f"arn:aws:s3:::{self.name_of(bucket)}"

    def _bucket(self, name: str, keep: cdk.RemovalPolicy, *, versioned: bool) -> s3.Bucket:
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
            lifecycle_rules=[
                s3.LifecycleRule(
                    id="half-uploads", abort_incomplete_multipart_upload_after=cdk.Duration.days(2)
                ),
                *(
                    [s3.LifecycleRule(id="old-versions", noncurrent_version_expiration=cdk.Duration.days(30))]
                    if versioned
                    else []
                ),
            ],
        )
        why = "Access logs hold addresses; who may reach the bucket is two roles, seen in CloudTrail."
        cdk.Validations.of(bucket).acknowledge(cdk.Acknowledgment(id="AwsSolutions-S1", reason=why))
        return bucket
