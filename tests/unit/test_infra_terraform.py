"""The Terraform files: formatting, rules and validation of variables, without the AWS provider.

Tests that need the terraform program are skipped if it is missing; the important rules are also tested without it.
"""

import copy
import os
import re
import shutil
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import hcl2
import pytest
from infra_files import INFRA, run

FOLDER = INFRA / "terraform"
GIVEN = {"region": "eu-central-1", "environment": "prod", "bucket_name": "reelmill-clips"}
BLOCKED = ("block_public_acls", "block_public_policy", "ignore_public_acls", "restrict_public_buckets")

Body = dict[str, Any]


def terraform(*arguments: str, cwd: Path):
    program = shutil.which("terraform")
    if program is None:
        pytest.skip("the terraform program is not installed, and no Python package contains it")
    quiet = os.environ | {"TF_CLI_CONFIG_FILE": os.devnull, "CHECKPOINT_DISABLE": "1"}
    return run(program, *arguments, cwd=cwd, env=quiet)


def plain(value: Any) -> Any:
    """Return the parser's result without its quotes and markers."""
    if isinstance(value, dict):
        return {plain(key): plain(part) for key, part in value.items() if not key.startswith("__")}
    if isinstance(value, list):
        return [plain(part) for part in value]
    return value[1:-1] if isinstance(value, str) and value[:1] == value[-1:] == '"' else value


@pytest.fixture(scope="module")
def parsed() -> dict[str, Body]:
    """The resources by type; there is one of each type."""
    found: dict[str, Body] = {}
    for path in sorted(FOLDER.glob("*.tf")):
        with path.open() as file:
            for block in plain(hcl2.load(file)).get("resource", []):
                for kind, instances in block.items():
                    assert kind not in found
                    found[kind] = next(iter(instances.values()))
    return found


def faults(resources: dict[str, Body]) -> Iterator[str]:
    public = resources["aws_s3_bucket_public_access_block"]
    if not all(public.get(name) in (True, "true") for name in BLOCKED):
        yield "the bucket may be public"
    if resources["aws_s3_bucket_versioning"]["versioning_configuration"][0]["status"] != "Enabled":
        yield "versioning is not enabled"
    rule = resources["aws_s3_bucket_server_side_encryption_configuration"]["rule"][0]
    if rule["apply_server_side_encryption_by_default"][0]["sse_algorithm"] not in ("AES256", "aws:kms"):
        yield "the bucket is not encrypted"
    if resources["aws_s3_bucket_ownership_controls"]["rule"][0]["object_ownership"] != "BucketOwnerEnforced":
        yield "ACLs are in effect"
    key = resources["aws_kms_key"]
    if (key["key_usage"], key["customer_master_key_spec"]) != ("SIGN_VERIFY", "ECC_NIST_P256"):
        yield "the key does not sign as ES256"
    yield from _lifecycle_faults(resources["aws_s3_bucket_lifecycle_configuration"]["rule"])


def _lifecycle_faults(rules: list[Body]) -> Iterator[str]:
    rules = [rule for rule in rules if rule["status"] == "Enabled"]
    everywhere = [rule for rule in rules if not rule["filter"][0].get("prefix")]
    if any("days" in part for rule in everywhere for part in rule.get("expiration", [])):
        yield "published clips expire"
    if not any("abort_incomplete_multipart_upload" in rule for rule in everywhere):
        yield "abandoned uploads are not deleted"
    if not any("noncurrent_version_expiration" in rule for rule in everywhere):
        yield "old versions are not deleted"
    expiring = {rule["filter"][0].get("prefix") for rule in rules if "days" in str(rule.get("expiration"))}
    if "${var.prefix}quarantine/" not in expiring:
        yield "quarantine/ is never cleared"
    if "${var.prefix}staging/" in expiring:
        yield "clips that wait for review expire"


def test_the_resources_follow_the_rules(parsed):
    assert list(faults(parsed)) == []


@pytest.mark.parametrize(
    ("kind", "change", "said"),
    [
        ("aws_s3_bucket_public_access_block", lambda body: body.update(block_public_acls=False), "may be public"),
        ("aws_s3_bucket_public_access_block", lambda body: body.pop("restrict_public_buckets"), "may be public"),
        (
            "aws_s3_bucket_versioning",
            lambda body: body["versioning_configuration"][0].update(status="Suspended"),
            "versioning is not",
        ),
        (
            "aws_s3_bucket_server_side_encryption_configuration",
            lambda body: body["rule"][0]["apply_server_side_encryption_by_default"][0].update(sse_algorithm=""),
            "not encrypted",
        ),
        (
            "aws_s3_bucket_ownership_controls",
            lambda body: body["rule"][0].update(object_ownership="ObjectWriter"),
            "ACLs",
        ),
        ("aws_kms_key", lambda body: body.update(key_usage="ENCRYPT_DECRYPT"), "does not sign"),
        ("aws_s3_bucket_lifecycle_configuration", lambda body: body["rule"][1].update(filter=[{}]), "published clips"),
        (
            "aws_s3_bucket_lifecycle_configuration",
            lambda body: body["rule"][0].update(expiration=[{"days": 60}]),
            "wait for review",
        ),
        ("aws_s3_bucket_lifecycle_configuration", lambda body: body["rule"].pop(), "abandoned uploads"),
        ("aws_s3_bucket_lifecycle_configuration", lambda body: body["rule"].pop(2), "old versions"),
        (
            "aws_s3_bucket_lifecycle_configuration",
            lambda body: body["rule"][1].update(status="Disabled"),
            "quarantine/",
        ),
    ],
)
def test_a_broken_resource_is_reported(parsed, kind: str, change, said: str):
    broken = copy.deepcopy(parsed)
    change(broken[kind])
    assert any(said in fault for fault in faults(broken))


def test_versions_are_pinned_and_variables_are_described():
    with (FOLDER / "versions.tf").open() as file:
        settings = plain(hcl2.load(file))["terraform"][0]
    assert settings["required_version"] == ">= 1.9, < 2.0"
    assert re.fullmatch(r"~> \d+\.\d+", settings["required_providers"][0]["aws"]["version"])
    for name in ("variables.tf", "outputs.tf"):
        with (FOLDER / name).open() as file:
            blocks = [block for kind in plain(hcl2.load(file)).values() for block in kind]
        assert all(body["description"] for block in blocks for body in block.values())


TEXTS = {path.name: path.read_text() for path in sorted(FOLDER.glob("*.tf"))}


def conditions() -> dict[str, str]:
    """Return each variable's regular expression."""
    blocks = re.findall(r'^variable "(\w+)" \{\n(.*?)^\}', TEXTS["variables.tf"], re.MULTILINE | re.DOTALL)
    found = {name: re.search(r'regex\("(.+?)", (?:var|arn)', body) for name, body in blocks}
    return {name: match[1] for name, match in found.items() if match}


@pytest.mark.parametrize(
    ("name", "value", "is_taken"),
    [
        ("bucket_name", "reelmill-clips", True),
        ("bucket_name", "My.Bucket", False),
        ("environment", "production", True),
        ("environment", "Production!", False),
        ("prefix", "ads/", True),
        ("prefix", "ads", False),
        ("prefix", "*/", False),
        ("trusted_principals", "arn:aws:iam::111122223333:role/ops", True),
        ("trusted_principals", "*", False),
    ],
)
def test_variables_accept_only_valid_values(name: str, value: str, is_taken: bool):
    assert bool(re.search(conditions()[name], value)) == is_taken


HEAD = re.compile(r'^(resource|data|variable) "(\w+)"(?: "(\w+)")?', re.MULTILINE)
LOCALS = re.compile(r"^locals \{\n(.*?)^\}", re.MULTILINE | re.DOTALL)
PLAIN = re.compile(r'#.*|"(?:[^"$\n]|\$(?!\{))*"')
"""Comments, and strings without an expression."""
REFERENCE = re.compile(r"\b(?:var|local)\.\w+|\b(?:data\.)?aws_\w+\.\w+")


def dangling(texts: Iterable[str]) -> set[str]:
    """Return the variables, locals, data sources and resources that are used but not declared."""
    text = "\n".join(texts)
    start = {"resource": "", "data": "data.", "variable": "var."}
    known = {start[kind] + ".".join(filter(None, names)) for kind, *names in HEAD.findall(text)}
    known |= {
        f"local.{name}" for block in LOCALS.findall(text) for name in re.findall(r"^  (\w+)\s+=", block, re.MULTILINE)
    }
    return set(REFERENCE.findall(PLAIN.sub(" ", text))) - known


def test_everything_that_is_referred_to_is_declared():
    assert dangling(TEXTS.values()) == set()


def test_a_dangling_reference_is_reported():
    wrong = "x = var.regin + aws_kms_key.signer.arn + local.nams + data.aws_partition.now.partition\n"
    assert dangling([*TEXTS.values(), wrong]) == {
        "var.regin",
        "aws_kms_key.signer",
        "local.nams",
        "data.aws_partition.now",
    }


def test_the_files_are_formatted():
    answer = terraform("fmt", "-check", "-diff", cwd=FOLDER)
    assert answer.returncode == 0, answer.stdout


def test_fmt_reports_a_badly_formatted_file(tmp_path: Path):
    (tmp_path / "crooked.tf").write_text('variable "x" {\ntype=string\n}\n')
    assert terraform("fmt", "-check", cwd=tmp_path).returncode != 0


@pytest.fixture(scope="module")
def logic(tmp_path_factory) -> Path:
    """The part that needs no provider: the variables, the policies of each role, and the policies themselves."""
    folder = tmp_path_factory.mktemp("logic")
    shutil.copy(FOLDER / "variables.tf", folder)
    shutil.copytree(FOLDER / "policies", folder / "policies")
    roles = (FOLDER / "roles.tf").read_text().split("\n}\n")[0] + "\n}\n"
    (folder / "roles.tf").write_text(roles.replace("data.aws_caller_identity.current.account_id", '"111122223333"'))
    (folder / "outputs.tf").write_text("""
locals {
  names = { bucket_arn = "arn:aws:s3:::b", prefix = var.prefix, key_arn = "arn:aws:kms:k" }
}
output "sids" {
  value = join(" ", [for name, grant in local.grants : "${name}:${jsondecode(templatefile(
    "${path.module}/policies/${grant.policy}.json", local.names)).Statement[0].Sid}"])
}
output "trust" {
  value = jsonencode(local.trust)
}
""")
    answer = terraform("init", "-input=false", cwd=folder)
    assert answer.returncode == 0, answer.stderr
    return folder


def plan(folder: Path, **values: str):
    given = [f"-var={name}={value}" for name, value in (GIVEN | values).items()]
    return terraform("plan", "-input=false", "-no-color", *given, cwd=folder)


def test_each_role_gets_its_policies(logic):
    answer = plan(logic, cluster_name="clips", trusted_principals='["arn:aws:iam::111122223333:role/ops"]')
    assert answer.returncode == 0, answer.stderr
    assert "dashboard-withdraw:WithdrawEveryVersion" in answer.stdout
    assert "renderer-renderer:StagedMasters" in answer.stdout
    assert "renderer-sign" not in answer.stdout
    assert "pods.eks.amazonaws.com" in answer.stdout
    assert "arn:aws:iam::111122223333:role/ops" in answer.stdout


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("bucket_name", "My.Bucket", "break TLS"),
        ("environment", "Production!", "lowercase letters"),
        ("prefix", "ads", "end it with a slash"),
        ("prefix", "*/", "as patterns"),
        ("trusted_principals", '["*"]', "allow everyone to assume the roles"),
    ],
)
def test_an_invalid_variable_is_refused_with_a_message(logic, name: str, value: str, said: str):
    answer = plan(logic, **{name: value})
    assert answer.returncode != 0
    assert said in " ".join(re.sub(r"[│╷╵]", " ", answer.stderr).split())
