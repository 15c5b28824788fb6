"""What a cluster needs in an account besides machines: a bucket, two roles, an image. Each is made once, then found."""

from __future__ import annotations

import json
import os
import re
import time
from collections.abc import Mapping
from typing import Any

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from sweep.aws import policies
from sweep.options import BUCKET_VARIABLE
from training.errors import UserError

IMAGE_PREFIX = "resolve:ssm:"
"""An `ImageId` that begins so names a public parameter which holds the id."""
PROPAGATION = 15.0
"""Seconds until a new role is known where machines are started."""
_BUCKET_NAME = re.compile(r"[a-z0-9][a-z0-9-]{1,61}[a-z0-9]")


class Account:
    """One account and region, reached with the credentials that boto3 finds.

    Raises:
        UserError: there are no credentials, or they are refused.
    """

    def __init__(self, region: str, credentials: Mapping[str, str] | None = None) -> None:
        self.region = region
        self._session = boto3.session.Session(region_name=region, **(credentials or {}))
        try:
            self.number: str = self.client("sts").get_caller_identity()["Account"]
        except (BotoCoreError, ClientError) as error:
            remedy = "`aws configure`, or set AWS_PROFILE; then the same command again"
            raise UserError(f"AWS takes no credentials from here ({error})", remedy=remedy) from error

    def client(self, service: str) -> Any:
        """A boto3 client of the region."""
        return self._session.client(service)

    def bucket(self, wanted: str | None, tags: Mapping[str, str]) -> tuple[str, bool]:
        """The cluster's bucket and whether it was made now. One made here is private and encrypted, and takes TLS alone.

        Its name is `wanted`, else `SWEEP_BUCKET`, else made of the account's number and the region, which no one else has.

        Raises:
            UserError: the name is none, or belongs to someone else.
        """
        own = f"sweep-{self.number}-{self.region}"
        name = wanted or os.environ.get(BUCKET_VARIABLE) or own
        if not _BUCKET_NAME.fullmatch(name):
            where = f"under `bucket` in cluster.yaml or in {BUCKET_VARIABLE}"
            raise UserError("no name for a bucket", name, f"small letters, digits and dashes, {where}")
        s3, made = self.client("s3"), False
        try:
            s3.head_bucket(Bucket=name, ExpectedBucketOwner=self.number)
        except ClientError as error:
            if error.response["Error"]["Code"] not in ("404", "NoSuchBucket"):
                remedy = f"name one of your own in {BUCKET_VARIABLE}"
                raise UserError(f"this bucket can't be used ({error})", name, remedy) from error
            place = {} if self.region == "us-east-1" else {"CreateBucketConfiguration": {"LocationConstraint": self.region}}
            s3.create_bucket(Bucket=name, **place)
            made = True
        if made or name == own:  # again each time, for a command that ended between two of these
            _close_bucket(s3, name, tags)
        return name, made

    def profiles(self, cluster: str, bucket: str) -> tuple[str, str]:
        """ARNs of the head's and the workers' instance profiles. Their policies are written anew each time.

        The account's role for spot machines is made as well, where it has none: the head could not.
        """
        iam, name = self.client("iam"), f"{cluster}-{self.region}"
        made = self._spot_role(iam)
        worker = f"arn:aws:iam::{self.number}:role/{name}-worker"
        arns = []
        for role, policy in (
            (f"{name}-head", policies.head(bucket, cluster, worker)),
            (f"{name}-worker", policies.worker(bucket)),
        ):
            made |= _present(iam.create_role, RoleName=role, AssumeRolePolicyDocument=json.dumps(policies.trust()))
            iam.put_role_policy(RoleName=role, PolicyName="sweep", PolicyDocument=json.dumps(policy))
            made |= _present(iam.create_instance_profile, InstanceProfileName=role)
            profile = iam.get_instance_profile(InstanceProfileName=role)["InstanceProfile"]
            if not profile["Roles"]:
                iam.add_role_to_instance_profile(InstanceProfileName=role, RoleName=role)
            arns.append(profile["Arn"])
        if made:
            time.sleep(PROPAGATION)
        return arns[0], arns[1]

    def _spot_role(self, iam: Any) -> bool:
        return _present(iam.create_service_linked_role, AWSServiceName="spot.amazonaws.com")

    def image(self, wanted: str, cluster: str) -> str:
        """The id of an image. One that a parameter names is that of the running head, else the parameter's value now.

        Raises:
            UserError: the region has no such parameter.
        """
        if not wanted.startswith(IMAGE_PREFIX):
            return wanted
        running = self._image_of_head(cluster)
        if running:
            return running
        parameter = wanted.removeprefix(IMAGE_PREFIX)
        try:
            return self._parameter(parameter)
        except ClientError as error:
            cause = f"{self.region} names no image by this parameter ({error})"
            raise UserError(cause, parameter, "write an image's id under ImageId") from error

    def _parameter(self, name: str) -> str:
        return str(self.client("ssm").get_parameter(Name=name)["Parameter"]["Value"])

    def _image_of_head(self, cluster: str) -> str | None:
        # Another image would make the launcher replace the head, with what runs there.
        asked = {f"tag:{policies.CLUSTER_TAG}": cluster, "tag:ray-node-type": "head", "instance-state-name": "running"}
        filters = [{"Name": name, "Values": [value]} for name, value in asked.items()]
        found = self.client("ec2").describe_instances(Filters=filters)["Reservations"]
        return str(found[0]["Instances"][0]["ImageId"]) if found else None


def _present(make: Any, **wanted: str) -> bool:
    """Make something; False where it is there already."""
    try:
        make(**wanted)
    except ClientError as error:
        if error.response["Error"]["Code"] not in ("EntityAlreadyExists", "InvalidInput"):
            raise
        return False
    return True


def _close_bucket(s3: Any, name: str, tags: Mapping[str, str]) -> None:
    closed = dict.fromkeys(("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets"), True)
    encrypted = {"Rules": [{"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}]}
    torn = {"ID": "torn", "Status": "Enabled", "Filter": {}, "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 7}}
    s3.put_public_access_block(Bucket=name, PublicAccessBlockConfiguration=closed)
    s3.put_bucket_encryption(Bucket=name, ServerSideEncryptionConfiguration=encrypted)
    s3.put_bucket_policy(Bucket=name, Policy=json.dumps(policies.over_tls(name)))
    s3.put_bucket_lifecycle_configuration(Bucket=name, LifecycleConfiguration={"Rules": [torn]})
    s3.put_bucket_tagging(Bucket=name, Tagging={"TagSet": [{"Key": key, "Value": value} for key, value in tags.items()]})
