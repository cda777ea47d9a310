"""A thousand trivial clips through the complete campaign flow, against the same steps without Prefect and catalogue."""

import contextlib
import hashlib
import os
import tempfile
import time
from collections.abc import Iterator
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from adapters.bucket import open_bucket
from adapters.c2pa.signer import DevelopmentCA, open_signer
from adapters.files.durable import write_durably
from adapters.media.video import encode, write_poster
from benchmarks.harness.result import Limit, Result
from benchmarks.harness.stubs import Agreeable, opening
from benchmarks.harness.timing import Times, timed
from flows.prefect.embedded_server import prefect_server
from flows.settings import prepare_prefect
from manifests.credentials.credential import USES, Provenance, generation_definition
from manifests.identity import canonical_json
from manifests.scoring.gate import Gate
from models.fake import FakeGenerator
from models.registry import get_local_card
from tasks.deliver.publish import CONTENT_TYPES
from tasks.plan.expand import expand
from tasks.runtime.files.staging import Staging, sha256_of
from tasks.score.score import ScoredClip, score_frames

CLIPS = 1000
BRIEFS = 10
MODEL = "starter"


def run() -> Result:
    """Measure the flow and then the plain steps."""
    with tempfile.TemporaryDirectory() as folder, _isolated():
        root = Path(folder)
        ours, server_s = _flow(root / "flow")
        plain = timed(lambda: _plain(root / "plain"))
    more = {"wall": ours.wall_s - plain.wall_s, "cpu": ours.cpu_s - plain.cpu_s}
    return Result(
        name="overhead",
        unit="additional ms per clip",
        ours=1000 * more["wall"] / CLIPS,
        what=f"{CLIPS:,} clips of a painted square: sheet, encoding, checks, score, signature, and four objects per "
        "clip in a folder.",
        limits=(Limit("ours", "at most", 10), Limit("cpu_ms_a_clip_more", "at most", 10)),
        figures={
            "clips": CLIPS,
            "flow_ms_a_clip": 1000 * ours.wall_s / CLIPS,
            "plain_ms_a_clip": 1000 * plain.wall_s / CLIPS,
            "cpu_ms_a_clip_more": 1000 * more["cpu"] / CLIPS,
            "server_start_s": server_s,
        },
        held_back_by="Commits that survive a power cut, and a query for the person who approved a clip before it is "
        "signed.",
        notes=(
            "The Prefect server is already running: its start is a separate figure, and the work of the server "
            "process counts in the wall time only. The plain side runs one step after the other in one thread. The "
            "flow generates and delivers in parallel threads, so the CPU time is the stricter figure.",
        ),
    )


@contextlib.contextmanager
def _isolated() -> Iterator[None]:
    """Ignore the operator's settings and use a fake model."""
    kept = {name: os.environ.pop(name) for name in list(os.environ) if name.startswith(("REELMILL_", "PREFECT_"))}
    try:
        with opening(lambda *_, **__: FakeGenerator(), lambda *_, **__: Agreeable()):
            yield
    finally:
        os.environ.update(kept)


def _flow(home: Path) -> tuple[Times, float]:
    """Run the campaign. Return its times and the seconds that Prefect's server took to start."""
    home.mkdir()
    sheet = home / "thousand.csv"
    rows = [f"brief-{number},a red circle number {number},{CLIPS // BRIEFS}\n" for number in range(BRIEFS)]
    sheet.write_text("brief_id,prompt,variants\n" + "".join(rows))
    prepare_prefect(home)
    started = time.monotonic()
    with prefect_server(home):
        server_s = time.monotonic() - started
        from flows.campaign import campaign

        times = timed(lambda: campaign(sheet=str(sheet), settings={"home": str(home), "model": MODEL}))
        _check(home / "bucket")
    return times, server_s


def _plain(home: Path) -> None:
    """Run the same steps one after the other, without recording progress."""
    card = get_local_card(MODEL)
    from manifests.brief import Brief

    briefs = [
        Brief(number + 2, f"brief-{number}", (f"a red circle number {number}",), variants=CLIPS // BRIEFS)
        for number in range(BRIEFS)
    ]
    prompts = [brief.prompts[0] for brief in briefs]
    staging, bucket = Staging(home / "staging"), open_bucket(str(home / "bucket"))
    generator, scorer, gate = FakeGenerator(), Agreeable(), Gate(card.defaults.min_adherence, 0.25)
    planned = list(expand(briefs, {MODEL: card}, MODEL))
    with open_signer(DevelopmentCA(home / "signer")) as signer:
        for item, generated in zip(planned, generator.generate([item.variant for item in planned]), strict=True):
            if isinstance(generated, Exception):
                raise generated
            folder = staging.folder(item.variant_id)
            master, poster = folder / "master.mp4", folder / "poster.jpg"
            encode(generated.frames, item.variant.fps, master)
            write_poster(generated.frames[len(generated.frames) // 2], poster)
            score = score_frames(ScoredClip.of(generated), scorer, prompts, gate)
            if not gate.judge(score).passed:
                raise RuntimeError("a trivial clip did not pass")
            signed = signer.sign(
                master,
                poster,
                generation_definition(_provenance(item, card)),
                folder / "clip.mp4",
                folder / "clip.c2pa",
            )
            record = folder / "record.json"
            write_durably(
                record,
                canonical_json(
                    {"generation": item.variant._asdict(), "score": asdict(score), "master": sha256_of(master)}
                ),
            )
            for path in (folder / "clip.c2pa", poster, record, signed.path):
                digest = hashlib.sha256(path.read_bytes()).hexdigest()
                bucket.put_new(
                    f"plain/{item.variant_id}-{digest[:16]}{path.suffix}",
                    path,
                    content_type=CONTENT_TYPES[path.suffix],
                    cache_control="no-store",
                    sha256=digest,
                )
    _check(home / "bucket")


def _provenance(item: Any, card: Any) -> Provenance:
    return Provenance(
        title=item.variant_id,
        variant=item.variant,
        variant_id=item.variant_id,
        campaign_id="plain",
        model_name=card.title,
        pipeline=card.pipeline,
        generator_library="diffusers",
        created_at=datetime.now(UTC).isoformat(timespec="seconds"),
        program_version="1",
        licence=card.licence.name,
        licence_terms=None,
        prompt_hmac_key=b"k" * 32,
        approved_by=None,
        training_mining=dict.fromkeys(USES, "notAllowed"),
        disclose_prompt=False,
        render_size=card.render_size(item.variant.height, item.variant.width),
    )


def _check(bucket: Path) -> None:
    found = len(list(bucket.rglob("*.mp4")))
    if found != CLIPS:
        raise RuntimeError(f"expected {CLIPS} published clips, found {found}")
