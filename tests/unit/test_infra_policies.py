"""The policies of the roles: they allow exactly what the code calls, and each role can do exactly its work in moto."""

import ast
import hashlib
import json
import re
import string
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import aws_iam
import boto3
import pytest
from infra_files import INFRA, REPO
from moto import mock_aws
from moto.core import set_initial_no_auth_action_count

from adapters.bucket.s3 import S3Bucket
from manifests.errors import BucketError, BucketRefusedError

FOLDER = INFRA / "terraform" / "policies"
BUCKET = "clips"
ACCOUNT = "111122223333"
NAMES = {
    "bucket_arn": f"arn:aws:s3:::{BUCKET}",
    "prefix": "ads/",
    "key_arn": f"arn:aws:kms:eu-central-1:{ACCOUNT}:key/k",
    "account_arn": f"arn:aws:iam::{ACCOUNT}:root",
    "publisher_arn": f"arn:aws:iam::{ACCOUNT}:role/p",
    "dashboard_arn": f"arn:aws:iam::{ACCOUNT}:role/d",
}
ROLES = {
    "renderer": ["renderer"],
    "publisher": ["publisher", "sign"],
    "dashboard": ["publisher", "sign", "withdraw"],
    "sweeper": ["sweeper"],
}
NEEDS = {
    "put_object": {"s3:PutObject"},
    "head_object": {"s3:GetObject", "s3:ListBucket"},
    "get_object": {"s3:GetObject"},
    "download_file": {"s3:GetObject"},
    "download_fileobj": {"s3:GetObject"},
    "generate_presigned_url": {"s3:GetObject"},
    "copy_object": {"s3:GetObject", "s3:PutObject"},
    "delete_object": {"s3:DeleteObject", "s3:DeleteObjectVersion"},
    "list_objects_v2": {"s3:ListBucket"},
    "list_object_versions": {"s3:ListBucketVersions"},
    "sign": {"kms:Sign"},
}
"""What IAM asks for each call of boto3; without ListBucket a missing key reads as refused (see aws_iam)."""
RESOURCES = {"client", "get_paginator", "meta", "session", "Session"}

Policy = dict[str, Any]


def policy(name: str) -> Policy:
    return json.loads(string.Template((FOLDER / f"{name}.json").read_text()).substitute(NAMES))


def listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def actions(names: list[str]) -> set[str]:
    return {
        action
        for name in names
        for part in policy(name)["Statement"]
        if part["Effect"] == "Allow"
        for action in listed(part["Action"])
    }


def calls(source: str) -> set[str]:
    """Return the operations that a module calls on its client, including those of paginators and presigned URLs.

    A module that does not mention boto3 has another kind of client and does not call AWS.
    """
    found = set()
    if "boto" not in source:
        return found
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
            continue
        on = ast.unparse(node.func.value)
        if on.endswith("client"):
            named = [part.value for part in node.args[:1] if isinstance(part, ast.Constant)]
            found |= set(named) if node.func.attr in ("get_paginator", "generate_presigned_url") else {node.func.attr}
    return found - RESOURCES


def faults(name: str, document: Policy) -> Iterator[str]:
    for part in document["Statement"]:
        if part["Effect"] != "Allow":
            continue
        if any("*" in action for action in listed(part["Action"])) or "NotAction" in part:
            yield f"{name}: {part['Sid']} allows by pattern"
        if "*" in listed(part.get("Resource", "*")) and name != "key":  # in a key policy, "*" means the key itself
            yield f"{name}: {part['Sid']} allows everywhere"
        if part.get("Principal") == "*":
            yield f"{name}: {part['Sid']} allows everyone"


ALL = sorted(path.stem for path in FOLDER.glob("*.json"))


@pytest.mark.parametrize("name", ALL)
def test_no_policy_allows_wildcards(name: str):
    assert list(faults(name, policy(name))) == []


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"Action": "s3:*"}, "by pattern"),
        ({"Action": ["s3:GetObject", "s3:Put*"]}, "by pattern"),
        ({"Resource": "*"}, "everywhere"),
        ({"Principal": "*"}, "everyone"),
    ],
)
def test_a_broad_statement_is_reported(change: dict[str, Any], said: str):
    broad = policy("publisher")
    broad["Statement"][0] |= change
    assert any(said in fault for fault in faults("publisher", broad))


def test_terraform_gives_the_roles_these_policies():
    text = (INFRA / "terraform" / "roles.tf").read_text()
    block = re.search(r"  roles = \{\n(.*?)\n  \}", text, re.DOTALL)[1]
    given = {role: json.loads(names) for role, names in re.findall(r"(\w+)\s+= (\[.*\])", block)}
    assert given == ROLES
    assert {name for names in ROLES.values() for name in names} | {"bucket", "key"} == set(ALL)


def test_policies_allow_exactly_the_calls_of_the_code():
    called = {name for path in (REPO / "adapters").rglob("*.py") for name in calls(path.read_text())}
    assert {"put_object", "list_objects_v2", "get_object", "sign"} <= called
    assert called - NEEDS.keys() == set(), "add the IAM permission for the call to NEEDS"
    needed = set().union(*(NEEDS[name] for name in called))
    granted = actions([name for names in ROLES.values() for name in names])
    assert needed == granted


def test_a_new_call_is_reported():
    source = "import boto3\nself._client.get_object_tagging(Bucket=name)"
    assert calls(source) - NEEDS.keys() == {"get_object_tagging"}


def test_only_publisher_and_dashboard_can_sign_and_only_digests():
    assert [role for role, names in ROLES.items() if "kms:Sign" in actions(names)] == ["publisher", "dashboard"]
    signing = policy("key")["Statement"][1]
    assert signing["Principal"]["AWS"] == [NAMES["publisher_arn"], NAMES["dashboard_arn"]]
    for part in (signing, policy("sign")["Statement"][0]):
        assert part["Condition"]["StringEquals"] == {
            "kms:SigningAlgorithm": "ECDSA_SHA_256",
            "kms:MessageType": "DIGEST",
        }
    assert "kms:Sign" not in policy("key")["Statement"][0]["Action"]


def test_the_bucket_refuses_plain_http_and_overwriting():
    tls, once = policy("bucket")["Statement"]
    assert tls["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}
    assert set(tls["Resource"]) == {NAMES["bucket_arn"], f"{NAMES['bucket_arn']}/*"}
    assert once["Condition"]["Null"] == {"s3:if-none-match": "true"}
    assert {tls["Effect"], once["Effect"]} == {"Deny"}


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """AWS simulated by moto, with a published clip and a staged master in the bucket."""
    aws_iam.enforce(monkeypatch)
    with mock_aws():
        client = boto3.client("s3", region_name="us-east-1")
        client.create_bucket(Bucket=BUCKET)
        client.put_bucket_versioning(Bucket=BUCKET, VersioningConfiguration={"Status": "Enabled"})
        for key in ("ads/spring/there.mp4", "ads/staging/there.mp4"):
            client.put_object(Bucket=BUCKET, Key=key, Body=b"x")
        yield


def as_role(role: str) -> S3Bucket:
    iam = boto3.client("iam", region_name="us-east-1")
    iam.create_user(UserName=role)
    for name in ROLES[role]:
        iam.put_user_policy(UserName=role, PolicyName=name, PolicyDocument=json.dumps(policy(name)))
    keys = iam.create_access_key(UserName=role)["AccessKey"]
    return S3Bucket(
        BUCKET,
        "ads",
        region="us-east-1",
        access_key=keys["AccessKeyId"],
        secret_key=keys["SecretAccessKey"],
        pauses_s=(),
    )


def put(bucket: S3Bucket, key: str, folder: Path) -> None:
    path = folder / "clip.mp4"
    path.write_bytes(key.encode())
    bucket.put_new(
        key, path, content_type="video/mp4", cache_control="no-store", sha256=hashlib.sha256(key.encode()).hexdigest()
    )


def found_missing(bucket: S3Bucket, key: str) -> None:
    """Look for an object that does not exist; it must read as missing, not as refused."""
    assert bucket.head(key) is None
    with pytest.raises(BucketError) as raised:
        bucket.read(key)
    if isinstance(raised.value, BucketRefusedError):
        raise raised.value
    assert "There is no object" in str(raised.value)


STEPS = {
    "check": lambda bucket, _: bucket.check(),
    "stage": lambda bucket, folder: put(bucket, "staging/new.mp4", folder),
    "publish": lambda bucket, folder: put(bucket, "spring/new.mp4", folder),
    "read staged": lambda bucket, _: bucket.read("staging/there.mp4"),
    "read published": lambda bucket, _: bucket.read("spring/there.mp4"),
    "find nothing staged": lambda bucket, _: found_missing(bucket, "staging/not-there.mp4"),
    "find nothing published": lambda bucket, _: found_missing(bucket, "spring/not-there.mp4"),
    "list staged": lambda bucket, _: list(bucket.list("staging/")),
    "list published": lambda bucket, _: list(bucket.list("spring/")),
    "list everything": lambda bucket, _: list(bucket.list()),
    "move aside": lambda bucket, _: bucket.move("spring/there.mp4", "quarantine/there.mp4"),
    "move back": lambda bucket, _: bucket.move("quarantine/there.mp4", "spring/there.mp4"),
    "remove staged": lambda bucket, _: bucket.remove("staging/there.mp4"),
    "remove published": lambda bucket, _: bucket.remove("spring/there.mp4"),
}
MAY = {
    "renderer": {"stage", "read staged", "find nothing staged", "list staged"},
    "publisher": STEPS.keys() - {"move aside", "move back", "remove published"},
    "dashboard": STEPS.keys(),
    "sweeper": STEPS.keys(),  # it moves a file back if its key is committed during the move
}


@set_initial_no_auth_action_count(0)
def refused(bucket: S3Bucket, folder: Path) -> dict[str, str]:
    """Try every step; return those that IAM refuses, with the error messages."""
    found = {}
    for name, step in STEPS.items():
        try:
            step(bucket, folder)
        except BucketRefusedError as error:
            found[name] = str(error)
    return found


def test_renderers_can_only_name_objects_below_staging(aws):
    """Terraform's condition counts the installation's prefix, too; an object with a similar name is outside."""
    listing = policy("renderer")["Statement"][1]
    assert listing["Condition"] == {"StringLike": {"s3:prefix": "ads/staging/*"}}
    boto3.client("s3", region_name="us-east-1").put_object(Bucket=BUCKET, Key="ads/staging-x/secret", Body=b"x")
    mine = as_role("renderer")
    listed_keys = set_initial_no_auth_action_count(0)(lambda prefix: list(mine.list(prefix)))
    assert listed_keys("staging/") == ["staging/there.mp4"]
    for prefix in ("staging", "staging-x/", "stag", "spring/", ""):
        with pytest.raises(BucketRefusedError):
            listed_keys(prefix)


def test_a_lost_permission_is_not_taken_for_a_missing_object(aws):
    """An object that exists but cannot be read is refused, and so is everything with wrong credentials."""
    mine = as_role("renderer")
    boto3.client("iam", region_name="us-east-1").put_user_policy(
        UserName="renderer",
        PolicyName="renderer",
        PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": policy("renderer")["Statement"][1:]}),
    )
    with pytest.raises(BucketRefusedError):
        set_initial_no_auth_action_count(0)(mine.head)("staging/there.mp4")
    stranger = S3Bucket(BUCKET, "ads", region="us-east-1", access_key="AKIAX", secret_key="x", pauses_s=())
    with pytest.raises(BucketRefusedError):
        set_initial_no_auth_action_count(0)(stranger.head)("staging/not-there.mp4")


@pytest.mark.parametrize("role", sorted(ROLES))
def test_a_role_can_do_exactly_its_work(aws, tmp_path: Path, role: str):
    found = refused(as_role(role), tmp_path)
    assert found.keys() == STEPS.keys() - MAY[role], found
    assert all("AccessDenied" in said or "(403)" in said for said in found.values()), found


def test_no_role_reaches_another_prefix(aws):
    boto3.client("s3", region_name="us-east-1").put_object(Bucket=BUCKET, Key="other/there.mp4", Body=b"x")
    mine = as_role("dashboard")
    mine._prefix = "other/"
    with pytest.raises(BucketRefusedError, match="AccessDenied"):
        set_initial_no_auth_action_count(0)(mine.read)("there.mp4")
