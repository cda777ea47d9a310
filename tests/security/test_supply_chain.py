"""The packages that Reelmill installs: digests, known vulnerabilities, licences, and the bill of materials."""

import hashlib
import json
import re
import subprocess
import sys
import threading
import time
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib import metadata
from pathlib import Path

import pytest

from infra.supply import audit, lock, sbom
from infra.supply.accepted import ACCEPTED, Acceptance, read_accepted
from infra.supply.contents import bundled_libraries, static_scripts, weights
from infra.supply.licences import check_licences, read_rules
from infra.supply.pins import CONSTRAINTS, MACHINES, ROOT, SupplyError, read_pins, roots, runtime_names

TODAY = date(2026, 11, 30)
linux_only = pytest.mark.skipif(sys.platform != "linux", reason="the lock is for Linux, where CUDA is required")
PINS = "jinja2==3.1.6\nidna==3.20\n"
GHSA = "GHSA-aaaa-bbbb-cccc"


# The lock


@linux_only
def test_the_lock_has_the_pins_that_are_needed_at_run_time():
    assert lock.check().endswith("as in constraints.txt.")
    locked = lock.read_lock()
    assert {"torch", "ray", "setuptools", "starlette"} <= set(locked)
    assert not {"pytest", "moto", "matplotlib", "pip-audit"} & set(locked)
    assert all(re.fullmatch(r"[0-9a-f]{64}", digest) for item in locked.values() for digest in item.sha256)


def test_the_lock_names_no_index_and_no_path():
    lines = lock.LOCK.read_text().splitlines()
    entry = re.compile(r"[a-z0-9-]+==[\w.]+ \\|    --hash=sha256:[0-9a-f]{64}( \\)?")
    assert [line for line in lines if not line.startswith("# ") and not entry.fullmatch(line)] == []


@linux_only
@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        (r"zxcvbn==4\.5\.0 \\\n.*\n", "", "zxcvbn==4.5.0 is missing"),
        (r"xlrd==2\.0\.2", "xlrd==2.0.1", "xlrd is 2.0.1, but constraints.txt has 2.0.2"),
        (r"xlrd==", "pytest==9.2.0 \\\\\n    --hash=sha256:00\nxlrd==", "pytest is not needed"),
        (r"(xlrd==2\.0\.2) \\\n.*\n", r"\1\n", "xlrd has no digest"),
    ],
)
def test_another_lock_is_reported_with_the_command_that_repairs_it(tmp_path: Path, old: str, new: str, said: str):
    changed = tmp_path / "requirements.lock"
    changed.write_text(re.sub(old, new, lock.LOCK.read_text()))
    with pytest.raises(SupplyError, match=re.escape(said)) as error:
        lock.check(changed)
    assert str(error.value).endswith("Run: make lock")


@linux_only
def test_writing_the_lock_again_keeps_its_digests(tmp_path: Path, monkeypatch):
    monkeypatch.setattr(lock, "pip", lambda *_, **__: pytest.fail("pip is not needed"))
    copy = tmp_path / "requirements.lock"
    copy.write_text(lock.LOCK.read_text())
    lock.write(copy)
    assert copy.read_text() == lock.LOCK.read_text()


@linux_only
def test_only_new_versions_are_resolved(tmp_path: Path, monkeypatch):
    asked: list[str] = []

    def pip(*words: str, **_: float) -> subprocess.CompletedProcess[str]:
        asked.extend(word for word in words if "==" in word)
        return subprocess.CompletedProcess(words, 0, report("xlrd", "2.0.2", "ab" * 32), "")

    monkeypatch.setattr(lock, "pip", pip)
    changed = tmp_path / "requirements.lock"
    changed.write_text(lock.LOCK.read_text().replace("xlrd==2.0.2", "xlrd==2.0.1"))
    lock.write(changed)
    assert asked == ["xlrd==2.0.2"] * len(MACHINES)
    assert lock.read_lock(changed)["xlrd"] == lock.Locked("2.0.2", ("ab" * 32,))


def report(name: str, version: str, digest: str, yanked: bool = False) -> str:
    found = {"metadata": {"name": name, "version": version}, "is_yanked": yanked}
    return json.dumps({"install": [found | {"download_info": {"archive_info": {"hashes": {"sha256": digest}}}}]})


def test_a_yanked_release_is_refused():
    with pytest.raises(SupplyError, match=r"yanked these releases: xlrd 2\.0\.2"):
        lock.wheels(report("xlrd", "2.0.2", "ab" * 32, yanked=True))


@linux_only
def test_a_requirement_that_only_a_wheel_names_is_reported():
    found = {name: lock.Wheel(name, "1", "", ()) for name in runtime_names("aarch64")}
    lock.check_closure("aarch64", found)
    found["torch"] = lock.Wheel("torch", "1", "", ("only-on-arm; platform_machine == 'aarch64'",))
    with pytest.raises(SupplyError, match="only-on-arm"):
        lock.check_closure("aarch64", found)


def wheel(folder: Path, content: str) -> Path:
    """Write a wheel of a package ``sample`` 1.0."""
    path = folder / "sample-1.0-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("sample.py", content)
        archive.writestr("sample-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: sample\nVersion: 1.0\n")
        archive.writestr("sample-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr("sample-1.0.dist-info/RECORD", "")
    return path


@pytest.fixture
def locked_sample(tmp_path: Path, monkeypatch) -> Path:
    """Return a lock of one wheel, which pip finds in a folder."""
    for name, value in {"NO_INDEX": "1", "FIND_LINKS": str(tmp_path), "CONFIG_FILE": "/dev/null"}.items():
        monkeypatch.setenv(f"PIP_{name}", value)
    digest = hashlib.sha256(wheel(tmp_path, "good = True").read_bytes()).hexdigest()
    path = tmp_path / "sample.lock"
    path.write_text(f"sample==1.0 \\\n    --hash=sha256:{digest}\n")
    return path


def test_pip_accepts_the_wheel_that_is_locked(locked_sample: Path):
    assert "1 wheels" in lock.verify(locked_sample)


def test_pip_refuses_a_wheel_that_was_changed(locked_sample: Path, tmp_path: Path):
    wheel(tmp_path, "good = False")
    with pytest.raises(SupplyError, match="DO NOT MATCH THE HASHES"):
        lock.verify(locked_sample)


def test_an_unreachable_index_is_reported_and_is_no_failure(locked_sample: Path, monkeypatch):
    done = subprocess.CompletedProcess(
        [], 1, "", "WARNING: Retrying (Retry(total=4)) after connection broken\nERROR: x"
    )
    monkeypatch.setattr(lock, "pip", lambda *_, **__: done)
    assert lock.verify(locked_sample) == "sample.lock was NOT verified: the package index cannot be reached."


# Known vulnerabilities


class Osv(BaseHTTPRequestHandler):
    """Answer like OSV: one version of one package has a vulnerability."""

    vulnerable = "jinja2"

    def do_POST(self) -> None:
        query = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        package = query["package"]["name"]
        affected = [
            {
                "package": {"name": package, "ecosystem": "PyPI"},
                "ranges": [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}, {"fixed": "3.1.7"}]}],
            }
        ]
        entry = {"id": GHSA, "aliases": ["CVE-2026-1"], "summary": "Sandbox escape.", "affected": affected}
        body = json.dumps({"vulns": [entry]} if package == self.vulnerable else {}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Print nothing."""


@contextmanager
def served(handler: type[BaseHTTPRequestHandler]) -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/v1/query"
    finally:
        server.shutdown()
        server.server_close()


@pytest.fixture
def pins(tmp_path: Path) -> Path:
    path = tmp_path / "pins.txt"
    path.write_text(PINS)
    return path


def osv(url: str) -> audit.Service:
    return audit.Service("OSV", ("-s", "osv", "--osv-url", url))


def acceptance(**changed: object) -> Acceptance:
    fields = {"id": "CVE-2026-1", "package": "jinja2", "reason": "Not used.", "expires": TODAY} | changed
    return Acceptance(**fields)


def test_a_known_vulnerability_fails_the_audit(pins: Path):
    with served(Osv) as url:
        found = audit.audit(pins, [osv(url)], [], TODAY)
    assert found.code == 1
    assert found.lines[:2] == (
        "OSV: 2 packages checked.",
        "VULNERABLE: jinja2 3.1.6: CVE-2026-1: Sandbox escape. Fixed in 3.1.7.",
    )


def test_no_known_vulnerability_passes_the_audit():
    output = json.dumps({"dependencies": [{"name": "idna", "version": "3.20", "vulns": []}]})
    found = audit.judge(audit.read_answer("OSV", output, ""), {"idna": "3.20"}, [], TODAY)
    assert found == audit.Report(("OSV: 1 packages checked.",), 0)


def test_an_unreachable_service_is_reported_and_does_not_fail_the_audit(pins: Path):
    with served(Osv) as closed:
        pass
    found = audit.audit(pins, [osv(closed)], [], TODAY)
    assert found.code == 0
    assert len(found.lines) == 1
    assert found.lines[0].startswith("Known vulnerabilities were NOT checked: OSV cannot be reached")


def test_the_next_service_is_asked_if_one_does_not_answer(pins: Path, monkeypatch):
    item = audit.Vulnerability("jinja2", "3.1.6", (GHSA,), "Sandbox escape.", ())
    answers = {"PyPI": audit.Answer("PyPI", problem="is down"), "OSV": audit.Answer("OSV", (item,))}
    monkeypatch.setattr(audit, "ask", lambda service, *_: answers[service.name])
    assert audit.audit(pins, audit.SERVICES, [], TODAY).code == 1


def test_a_mirror_is_asked_about_a_few_packages_only(tmp_path: Path, monkeypatch):
    asked: list[int] = []

    def ask(service: audit.Service, pins: Path, limit_s: float) -> audit.Answer:
        asked.append(len(pins.read_text().splitlines()))
        return audit.Answer(service.name, problem="does not know any of them")

    monkeypatch.setattr(audit, "ask", ask)
    audit.audit(CONSTRAINTS, audit.SERVICES, [], TODAY)
    assert asked == [audit.SAMPLE] * len(audit.SERVICES)


def test_a_release_is_not_built_without_an_answer(pins: Path, monkeypatch):
    monkeypatch.setattr(audit, "ask", lambda service, *_: audit.Answer(service.name, problem="is down"))
    assert audit.audit(pins, audit.SERVICES, [], TODAY).code == 0
    assert audit.audit(pins, audit.SERVICES, [], TODAY, strict=True).code == 2


def test_a_service_that_hangs_is_left_in_time(pins: Path):
    hanging = threading.Event()

    class Hanging(Osv):
        def do_POST(self) -> None:
            hanging.wait(60)

    start = time.monotonic()
    with served(Hanging) as url:
        try:
            found = audit.audit(pins, [osv(url)], [], TODAY, limit_s=2)
        finally:
            hanging.set()
    assert time.monotonic() - start < 20
    assert found.code == 0
    assert "did not answer in time" in found.lines[0]


def test_a_mirror_that_knows_no_package_is_not_a_clean_result():
    output = json.dumps({"dependencies": [{"name": "idna", "skip_reason": "Dependency not found on PyPI"}]})
    assert "does not know any" in audit.read_answer("PyPI", output, "").problem


def test_packages_that_a_service_does_not_know_are_named():
    known = {"name": "idna", "version": "3.20", "vulns": []}
    output = json.dumps({"dependencies": [known, {"name": "odd", "skip_reason": "Dependency not found on PyPI"}]})
    answer = audit.read_answer("PyPI", output, "")
    said = "1 of 2 packages were NOT checked, because PyPI does not know these versions: odd."
    report = audit.judge(answer, {"idna": "3.20", "odd": "1"}, [], TODAY)
    assert report == audit.Report(("PyPI: 1 packages checked.", said), 0)


@pytest.mark.parametrize(
    "others",
    [
        [{"name": "idna", "skip_reason": "Dependency not found on PyPI"}],
        [{"name": "idna", "version": "3.19", "vulns": []}],
        [{"name": "odd", "version": "3.20", "vulns": []}],
        [],
    ],
    ids=["skipped", "another version", "another package", "omitted"],
)
def test_a_release_is_not_built_with_packages_that_were_not_checked(pins: Path, monkeypatch, others: list):
    """The answer is compared with the pins: a service could list one package and omit all others."""
    output = json.dumps({"dependencies": [{"name": "Jinja2", "version": "3.1.6", "vulns": []}, *others]})
    monkeypatch.setattr(audit, "ask", lambda *_: audit.read_answer("PyPI", output, ""))
    found = [audit.audit(pins, audit.SERVICES, [], TODAY, strict=strict) for strict in (False, True)]
    assert [report.code for report in found] == [0, 2]
    assert found[0].lines[1].startswith("1 of 2 packages were NOT checked")


@pytest.mark.parametrize(
    ("accepted", "code"),
    [
        (acceptance(), 0),
        (acceptance(id=GHSA), 0),
        (acceptance(expires=TODAY - timedelta(days=1)), 1),
        (acceptance(package="idna"), 1),
        (acceptance(id="CVE-2026-2"), 1),
    ],
)
def test_an_accepted_vulnerability_passes_until_it_expires(accepted: Acceptance, code: int):
    item = audit.Vulnerability("jinja2", "3.1.6", (GHSA, "CVE-2026-1"), "Sandbox escape.", ("3.1.7",))
    found = audit.judge(audit.Answer("OSV", (item,)), {}, [accepted], TODAY)
    assert found.code == code
    assert ("Remove or renew it." in " ".join(found.lines)) == bool(code)


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        ('id = "CVE-1"\npackage = "x"\nexpires = 2026-12-31', "has no reason"),
        ('id = "CVE-1"\npackage = "x"\nreason = "r"', "has no expires"),
        ('id = "CVE-1"\npackage = "x"\nreason = "r"\nexpires = "2026-12-31"', "is not a date"),
        ('id = "CVE-1"\npackage = "x"\nreason = "r"\nexpires = 2028-01-01', "more than 180 days"),
    ],
)
def test_an_acceptance_needs_a_reason_and_an_end(tmp_path: Path, entry: str, said: str):
    path = tmp_path / "accepted.toml"
    path.write_text(f"[[accepted]]\n{entry}\n")
    with pytest.raises(SupplyError, match=said):
        read_accepted(path, TODAY)


def test_the_file_of_accepted_vulnerabilities_can_be_read():
    assert read_accepted(ACCEPTED, date.today()) is not None


def test_everything_that_is_pinned_is_audited(monkeypatch):
    asked: list[Path] = []
    monkeypatch.setattr(audit, "audit", lambda pins, *_, **__: asked.append(pins) or audit.Report((), 0))
    audit.main([])
    assert asked == [CONSTRAINTS]
    assert {"pytest", "torch"} <= set(read_pins())


# Licences and the bill of materials


def test_licences_of_run_time_packages_are_allowed_or_judged():
    check_licences(runtime_names("x86_64"), read_rules())


@pytest.mark.parametrize(
    ("name", "declared", "said"),
    [
        ("new", "GPL-3.0-only", "new is under GPL-3.0-only"),
        ("new", "MIT AND AGPL-3.0-or-later", "new is under MIT AND AGPL-3.0-or-later"),
        ("new", "", "not an SPDX expression"),
        ("new", "Ask us", "not an SPDX expression"),
        ("av", "GPL-3.0-or-later", "av is under"),
        ("new", "MIT OR GPL-3.0-only", ""),
        ("new", "License :: OSI Approved :: BSD License AND License :: OSI Approved :: MIT License", ""),
        ("psycopg", "LGPL-3.0-only", ""),
        ("other", "LGPL-3.0-only", "other is under"),
    ],
)
def test_licences_are_judged_by_what_packages_declare(name: str, declared: str, said: str):
    fault = read_rules().fault(name, declared)
    assert (said in fault) if said else fault == ""


def test_a_package_with_another_licence_stops_the_bill_of_materials(monkeypatch):
    monkeypatch.setattr("infra.supply.licences.declared_licence", lambda name: "AGPL-3.0-only")
    with pytest.raises(SupplyError, match=r"idna is under AGPL-3.0-only[\s\S]*infra/supply/licences.toml"):
        check_licences(["idna"], read_rules())


def environment(*names: str) -> dict:
    """Return what cyclonedx-py reports, shortened to some packages."""
    parts = [
        {
            "type": "library",
            "bom-ref": f"{name}=={metadata.version(name)}",
            "name": name,
            "version": metadata.version(name),
        }
        for name in names
    ]
    root = {"type": "application", "bom-ref": "root-component", "name": "reelmill", "version": "0.1.0"}
    edges = [{"ref": item["bom-ref"], "dependsOn": ["pytest==1"]} for item in [root, *parts]]
    head = {"bomFormat": "CycloneDX", "specVersion": "1.6", "version": 1, "metadata": {"component": root}}
    return head | {"components": parts, "dependencies": edges}


def test_the_bill_of_materials_has_run_time_packages_scripts_and_weights():
    bom = sbom.build(environment("idna", "pytest", "protobuf"), {"idna", "protobuf"}, lock.read_lock(), read_rules())
    found = {item["name"]: item for item in bom["components"]}
    assert set(found) == {"idna", "protobuf", "htmx", "starter", "starter-4step", "starter-openclip"}
    assert found["idna"]["hashes"][0]["content"] in lock.LOCK.read_text()
    assert found["protobuf"]["licenses"][0]["expression"] == "BSD-3-Clause"
    refs = {item["ref"] for item in bom["dependencies"]}
    assert refs == {item["bom-ref"] for item in bom["components"]} | {"root-component"}
    assert "pytest" not in json.dumps(bom)


def test_an_invalid_bill_of_materials_is_refused():
    bom = environment("idna")
    sbom.check_schema(bom)
    with pytest.raises(SupplyError, match="schema"):
        sbom.check_schema(bom | {"components": [{"name": "x"}]})


def test_scripts_and_weights_have_digests_and_licences():
    [script] = [item for item in static_scripts(read_rules()) if item["name"] == "htmx"]
    content = (ROOT / "app" / "dashboard" / "static" / "htmx-2.0.11.min.js").read_bytes()
    assert script["hashes"] == [{"alg": "SHA-256", "content": hashlib.sha256(content).hexdigest()}]
    assert [item["licenses"][0]["expression"] for item in weights()] == ["Apache-2.0"] * 3
    assert all(item["components"] for item in weights())
    files = {item["name"]: [part["name"] for part in item["components"]] for item in weights()}
    student = "models/starter/4step/diffusion_pytorch_model.safetensors"
    assert student in files["starter-4step"]
    assert student not in files["starter"]


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("", "lacks new-1.2.min.js"),
        ("new-1.2.min.js: GPL-3.0-only, https://new.example, unchanged.", "new is under GPL-3.0-only"),
        (
            "new-1.2.min.js: MIT, https://new.example, x\nold-1.0.min.js: MIT, https://old.example, x",
            "old-1.0",
        ),
    ],
)
def test_an_unlisted_script_stops_the_bill_of_materials(tmp_path: Path, monkeypatch, line: str, said: str):
    static = tmp_path / "app" / "dashboard" / "static"
    static.mkdir(parents=True)
    monkeypatch.setattr("infra.supply.contents.STATIC", static)
    monkeypatch.setattr("infra.supply.contents.ROOT", tmp_path)
    (static / "new-1.2.min.js").write_text("1")
    (static / "LICENSES.md").write_text(line)
    with pytest.raises(SupplyError, match=said):
        static_scripts(read_rules())


def test_native_libraries_in_wheels_are_listed():
    names = [item["name"] for item in bundled_libraries(metadata.distribution("av"))]
    assert any("libx264" in name for name in names)


def test_direct_requirements_are_pinned():
    assert {requirement.name.lower().replace("_", "-") for requirement in roots()} <= set(read_pins())


@pytest.mark.slow
def test_the_whole_bill_of_materials_names_no_path_of_the_machine(tmp_path: Path):
    output = tmp_path / "sbom.cdx.json"
    assert sbom.main([str(output)]) == 0
    text = output.read_text()
    assert [place for place in (str(ROOT), sys.prefix, str(Path.home()), "file:") if place + "/" in text] == []
    names = {item["name"].lower() for item in json.loads(text)["components"]}
    assert {"torch", "htmx", "starter"} <= names
    assert not {"pytest", "moto"} & names


@pytest.mark.parametrize(("option", "code"), [("--help", 0), ("--wrong", 2)])
def test_an_option_is_not_taken_for_a_file(tmp_path: Path, monkeypatch, option: str, code: int):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as ended:
        sbom.main([option])
    assert ended.value.code == code
    assert list(tmp_path.iterdir()) == []
