"""What the machines of a cluster may do in the account: one bucket for all of them, and machines of its own for the head.

Policies are pure functions of names, so that a test can read them without an account.
"""

from __future__ import annotations

from typing import Any

Policy = dict[str, Any]
CLUSTER_TAG = "ray-cluster-name"
"""Ray's launcher puts this tag on every machine of a cluster."""
_OBJECTS = ["s3:GetObject", "s3:PutObject", "s3:DeleteObject", "s3:AbortMultipartUpload", "s3:ListMultipartUploadParts"]
_DESCRIBE = ["Instances", "InstanceStatus", "InstanceTypes", "Images", "Subnets", "SecurityGroups", "KeyPairs"]
_PARTS = ["volume", "network-interface", "subnet", "security-group", "key-pair", "image", "spot-instances-request"]


def trust() -> Policy:
    """Who may take a role: machines of EC2."""
    return _policy([{"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"}])


def worker(bucket: str) -> Policy:
    """A worker's: the objects of one bucket."""
    return _policy(_bucket(bucket))


def head(bucket: str, cluster: str, worker_role: str) -> Policy:
    """The head's: the bucket, and starting and ending machines that carry the cluster's tag.

    Args:
        bucket: name of the bucket.
        cluster: `cluster_name`, the value of the machines' tag.
        worker_role: ARN of the role that new machines get; the head can hand out no other.
    """
    own = {"StringEquals": {f"aws:ResourceTag/{CLUSTER_TAG}": cluster}}
    asked = {"StringEquals": {f"aws:RequestTag/{CLUSTER_TAG}": cluster}}
    instances = "arn:aws:ec2:*:*:instance/*"
    return _policy([
        *_bucket(bucket),
        _allow([f"ec2:Describe{what}" for what in _DESCRIBE], "*"),
        _allow("ec2:RunInstances", instances, asked),
        _allow("ec2:RunInstances", [f"arn:aws:ec2:*:*:{part}/*" for part in _PARTS] + ["arn:aws:ec2:*::image/*"]),
        _allow("ec2:CreateTags", "arn:aws:ec2:*:*:*/*", {"StringEquals": {"ec2:CreateAction": "RunInstances"}}),
        _allow(["ec2:CreateTags", "ec2:TerminateInstances"], instances, own),
        _allow("iam:PassRole", worker_role, {"StringEquals": {"iam:PassedToService": "ec2.amazonaws.com"}}),
    ])  # fmt: skip


def over_tls(bucket: str) -> Policy:
    """A bucket's own: nothing without TLS."""
    arn = f"arn:aws:s3:::{bucket}"
    plain = {"Bool": {"aws:SecureTransport": "false"}}
    return _policy([
        {"Effect": "Deny", "Principal": "*", "Action": "s3:*", "Resource": [arn, f"{arn}/*"], "Condition": plain},
    ])  # fmt: skip


def _bucket(name: str) -> list[Policy]:
    arn = f"arn:aws:s3:::{name}"
    return [
        _allow(["s3:ListBucket", "s3:GetBucketLocation", "s3:ListBucketMultipartUploads"], arn),
        _allow(_OBJECTS, f"{arn}/*"),
    ]


def _allow(action: str | list[str], resource: str | list[str], condition: Policy | None = None) -> Policy:
    statement: Policy = {"Effect": "Allow", "Action": action, "Resource": resource}
    return {**statement, "Condition": condition} if condition else statement


def _policy(statements: list[Policy]) -> Policy:
    return {"Version": "2012-10-17", "Statement": statements}
