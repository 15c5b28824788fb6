"""What is made in an account, once, and what a user is told when it can't be."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import pytest

from tests.cluster.conftest import IMAGE, REGION
from training.errors import UserError

BUCKET = "sweep-123456789012-us-west-2"


def test_bucket_is_named_by_account_and_region_and_made_once(aws: pytest.MonkeyPatch) -> None:
    from sweep.aws.account import Account

    account = Account(REGION)
    assert account.bucket(None, {"budget": "sweep"}) == (BUCKET, True)
    assert account.bucket(None, {"budget": "sweep"}) == (BUCKET, False)
    tags = account.client("s3").get_bucket_tagging(Bucket=BUCKET)["TagSet"]
    assert tags == [{"Key": "budget", "Value": "sweep"}]


def test_bucket_takes_tls_alone(aws: pytest.MonkeyPatch) -> None:
    from sweep.aws.account import Account

    account = Account(REGION)
    account.bucket(None, {})
    (statement,) = json.loads(account.client("s3").get_bucket_policy(Bucket=BUCKET)["Policy"])["Statement"]
    assert statement["Effect"] == "Deny" and statement["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}


def test_bucket_of_the_user_s_own_is_used_and_left_as_it_is(aws: pytest.MonkeyPatch) -> None:
    from sweep.aws.account import Account
    from sweep.options import BUCKET_VARIABLE

    account = Account(REGION)
    account.client("s3").create_bucket(Bucket="mine", CreateBucketConfiguration={"LocationConstraint": REGION})
    aws.setenv(BUCKET_VARIABLE, "mine")
    assert account.bucket(None, {"budget": "sweep"}) == ("mine", False)
    with pytest.raises(Exception, match="NoSuchTagSet"):
        account.client("s3").get_bucket_tagging(Bucket="mine")


@pytest.mark.parametrize("name", ["Mine", "a b", "x; rm -rf ~", "-", "a" * 64])
def test_bucket_of_no_possible_name_is_refused_with_a_remedy(aws: pytest.MonkeyPatch, name: str) -> None:
    from sweep.aws.account import Account

    with pytest.raises(UserError) as caught:
        Account(REGION).bucket(name, {})
    assert caught.value.value == name and "SWEEP_BUCKET" in caught.value.remedy


def test_bucket_of_someone_else_is_refused_with_a_remedy(aws: pytest.MonkeyPatch) -> None:
    from botocore.exceptions import ClientError

    from sweep.aws.account import Account

    account = Account(REGION)

    class Refusing:
        def head_bucket(self, **_: object) -> None:
            raise ClientError({"Error": {"Code": "403", "Message": "Forbidden"}}, "HeadBucket")

    aws.setattr(account, "client", lambda _service: Refusing())
    with pytest.raises(UserError) as caught:
        account.bucket("taken", {})
    assert caught.value.value == "taken" and "SWEEP_BUCKET" in caught.value.remedy


def test_without_credentials_the_user_is_told_what_to_do(aws: pytest.MonkeyPatch) -> None:
    from sweep.aws.account import Account

    aws.delenv("AWS_ACCESS_KEY_ID")
    aws.delenv("AWS_SECRET_ACCESS_KEY")
    aws.setenv("AWS_EC2_METADATA_DISABLED", "true")
    with pytest.raises(UserError, match="credentials") as caught:
        Account(REGION)
    assert "aws configure" in caught.value.remedy


def test_credentials_that_do_not_suffice_end_ray_up_without_a_traceback(
    aws: pytest.MonkeyPatch, cluster: dict[str, Any]
) -> None:
    import click
    from botocore.exceptions import ClientError

    from sweep.aws.account import Account
    from sweep.aws.provider import SpotFirst

    def refuses(*_: object) -> None:
        raise ClientError({"Error": {"Code": "AccessDenied", "Message": "not you"}}, "CreateRole")

    aws.setattr(Account, "profiles", refuses)
    with pytest.raises(click.ClickException, match="AWS refused a step") as caught:
        SpotFirst.bootstrap_config(cluster)
    assert caught.value.exit_code == 2 and "remedy" in caught.value.message


def test_without_boto3_the_user_is_told_what_to_install() -> None:
    code = "import importlib.util as u; u.find_spec = lambda _: None; import sweep.aws"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert "ClickException" in done.stderr and "pip install 'sweep[aws]'" in done.stderr


def test_roles_are_made_once_and_their_policies_renewed(aws: pytest.MonkeyPatch) -> None:
    from sweep.aws.account import Account

    account = Account(REGION)
    first = account.profiles("sweep", "one")
    assert account.profiles("sweep", "two") == first
    held = account.client("iam").get_role_policy(RoleName="sweep-us-west-2-worker", PolicyName="sweep")["PolicyDocument"]
    assert "arn:aws:s3:::two" in json.dumps(held) and "arn:aws:s3:::one" not in json.dumps(held)


def test_shared_folder_is_made_once_with_one_way_in_a_zone(aws: pytest.MonkeyPatch) -> None:
    from sweep.aws import shared
    from sweep.aws.account import Account

    account = Account(REGION)
    ec2, efs = account.client("ec2"), account.client("efs")
    subnets = [subnet["SubnetId"] for subnet in ec2.describe_subnets()["Subnets"]]
    group = ec2.describe_security_groups()["SecurityGroups"][0]["GroupId"]
    name, made = shared.file_system(account, "sweep", subnets[:2], [group])
    assert made and shared.file_system(account, "sweep", subnets, [group]) == (name, False)
    zones = [target["AvailabilityZoneName"] for target in efs.describe_mount_targets(FileSystemId=name)["MountTargets"]]
    assert len(zones) == len(set(zones)) == len(subnets)
    assert shared.file_system(account, "another", subnets, [group])[0] != name


def test_image_of_a_running_head_stays_though_a_newer_one_is_out(aws: pytest.MonkeyPatch) -> None:
    """Another image would make the launcher replace the head, and end what runs there."""
    from sweep.aws.account import IMAGE_PREFIX, Account

    account = Account(REGION)
    wanted = f"{IMAGE_PREFIX}/aws/service/some/latest"
    assert account.image(wanted, "sweep") == IMAGE
    tags = [{"Key": "ray-cluster-name", "Value": "sweep"}, {"Key": "ray-node-type", "Value": "head"}]
    account.client("ec2").run_instances(
        ImageId="ami-0aaaaaaaaaaaaaaaa",
        MinCount=1,
        MaxCount=1,
        TagSpecifications=[{"ResourceType": "instance", "Tags": tags}],
    )
    assert account.image(wanted, "sweep") == "ami-0aaaaaaaaaaaaaaaa"
    assert account.image(wanted, "another") == IMAGE
    assert account.image("ami-0bbbbbbbbbbbbbbbb", "sweep") == "ami-0bbbbbbbbbbbbbbbb"


def test_image_that_the_region_does_not_name_is_a_fault_with_a_remedy(aws: pytest.MonkeyPatch) -> None:
    from sweep.aws.account import IMAGE_PREFIX, Account

    aws.undo()
    aws.setenv("AWS_ACCESS_KEY_ID", "testing")
    aws.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    with pytest.raises(UserError, match="names no image") as caught:
        Account(REGION).image(f"{IMAGE_PREFIX}/none/of/this", "sweep")
    assert "ImageId" in caught.value.remedy
