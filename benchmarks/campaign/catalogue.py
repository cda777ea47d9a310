"""Write 10,000 scored clips to the catalogue: our batches against an ORM session that commits each clip.

Both sides write the same data (state, clip, score, verdict and two events for each clip) to SQLite files with
the journal mode and synchronous=FULL that the program uses, so every commit survives a power cut.
"""

import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from sqlalchemy import Float, ForeignKey, Text, create_engine, event
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column

from adapters.catalogue import open_catalogue
from adapters.catalogue.core.engine import wal_is_safe
from adapters.catalogue.core.rows import Lease, record_text, to_text, variant_text
from benchmarks.harness.result import Limit, Result
from manifests.brief import Brief
from manifests.campaign import Campaign
from manifests.clip import Clip
from manifests.placement import Placement
from manifests.scoring.score import Score
from manifests.scoring.verdict import Verdict
from manifests.variant import PlannedVariant, Variant

CLIPS = 10_000
BASELINE_CLIPS = 1_000
"""The ORM's time is proportional to the number of clips, so a tenth of them is enough."""
BATCH = 10_000
WRITER_BATCH = 64
"""Largest batch of the writer of a running shard (tasks/render/result_writer.py). It does not wait to fill a batch."""
ROUNDS = 3

Judged = tuple[Variant, Clip, Score, Verdict]


def run() -> Result:
    """Measure both sides in turn, so that other load on the machine affects both. The best round counts."""
    ours, baseline, writer = [], [], []
    with tempfile.TemporaryDirectory() as folder:
        for number in range(ROUNDS):
            baseline.append(BASELINE_CLIPS / _orm_seconds(Path(folder, f"orm-{number}.sqlite")))
            ours.append(CLIPS / _our_seconds(Path(folder, f"ours-{number}.sqlite"), BATCH))
            writer.append(CLIPS / _our_seconds(Path(folder, f"writer-{number}.sqlite"), WRITER_BATCH))
    return Result(
        name="catalogue",
        unit="rows/s",
        ours=max(ours),
        baseline=max(baseline),
        more_is_better=True,
        what="Record 10,000 scored clips so that each survives a power cut: state, clip, score and two events.",
        limits=(Limit("ratio", "at least", 25),),
        figures={
            "rows": CLIPS,
            "rows_a_commit": BATCH,
            "baseline_rows": BASELINE_CLIPS,
            f"rows_per_s_at_{WRITER_BATCH}_a_commit": max(writer),
        },
        held_back_by="SQLite's work on rows and indexes, SQLAlchemy's binding of values, and JSON encoding. Each batch "
        "waits for the disk once.",
        notes=(
            f"Both sides write SQLite files with journal_mode={'WAL' if wal_is_safe() else 'TRUNCATE'} and "
            "synchronous=FULL, in the same folder. The baseline is an SQLAlchemy session that loads a row, changes it, "
            "adds its two events and commits. The writer of a running shard commits the clips that have accumulated, "
            f"at most {WRITER_BATCH} at a time. The figures include its rate.",
        ),
    )


def _judged(number: int) -> Judged:
    variant = Variant("starter", "1", "a red ball rolls over grass", "", number, 64, 64, 16, 8, 20, 6.0)
    key = variant.variant_id
    clip = Clip(
        key, Path(f"/staging/{key}/master.mp4"), Path(f"/staging/{key}/poster.jpg"), "c" * 64, 12345, 64, 64, 16, 8, 1.5
    )
    checks = {"luma_mean": 90.0, "nan_share": 0.0, "frame_difference": 3.5, "blockiness": 0.2}
    return variant, clip, Score(key, checks, 0.31, 1, 7, "starter-openclip@1"), Verdict(key)


def _our_seconds(path: Path, size: int) -> float:
    campaign = Campaign("benchmark", "b" * 64, (Brief(2, "b1", ("a red ball rolls over grass",)),))
    with open_catalogue(f"sqlite:///{path}") as catalogue:
        items = [_judged(number) for number in range(CLIPS)]
        catalogue.campaigns.add(campaign, {})
        catalogue.campaigns.add_variants(
            campaign.campaign_id,
            [PlannedVariant("b1", Placement("tiktok", "9:16"), item[0], item[0].variant_id) for item in items],
        )
        ids = [item[0].variant_id for item in items]
        leases = catalogue.leases.acquire(ids, "me", 600.0, attempts_cap=5)
        batches = list(_batches(leases, items, size))
        started = time.perf_counter()
        for batch in batches:
            catalogue.results.record_batch(batch)
        seconds = time.perf_counter() - started
        assert catalogue.progress.tally(campaign.campaign_id) == {"passed": CLIPS}
    return seconds


def _batches(leases: list[Lease], items: list[Judged], size: int) -> Iterator[list[tuple[Lease, Clip, Score, Verdict]]]:
    judged = [(lease, *item[1:]) for lease, item in zip(leases, items, strict=True)]
    for start in range(0, len(judged), size):
        yield judged[start : start + size]


class _Base(DeclarativeBase):
    pass


class _VariantRow(_Base):
    __tablename__ = "variants"
    variant_id: Mapped[str] = mapped_column(primary_key=True)
    body: Mapped[str] = mapped_column(Text)
    state: Mapped[str] = mapped_column(index=True)
    clip: Mapped[str | None] = mapped_column(Text)
    score: Mapped[str | None] = mapped_column(Text)
    prompt_adherence: Mapped[float | None]
    reasons: Mapped[str | None] = mapped_column(Text)


class _EventRow(_Base):
    __tablename__ = "events"
    event_id: Mapped[int] = mapped_column(primary_key=True)
    variant_id: Mapped[str] = mapped_column(ForeignKey("variants.variant_id"), index=True)
    at: Mapped[float] = mapped_column(Float)
    actor: Mapped[str]
    from_state: Mapped[str]
    to_state: Mapped[str]
    detail: Mapped[str] = mapped_column(Text)


def _orm_seconds(path: Path) -> float:
    """Time what most programs do: load the row, change it, add its events and commit."""
    engine = create_engine(f"sqlite:///{path}")
    event.listen(engine, "connect", _make_durable)
    _Base.metadata.create_all(engine)
    items = [_judged(number) for number in range(BASELINE_CLIPS)]
    with Session(engine) as session:
        session.add_all(
            _VariantRow(variant_id=item[0].variant_id, body=variant_text(item[0]), state="leased") for item in items
        )
        session.commit()
        started = time.perf_counter()
        for variant, clip, score, verdict in items:
            row = session.get_one(_VariantRow, variant.variant_id)
            row.clip, row.state = record_text(clip), "passed"
            row.score, row.prompt_adherence = record_text(score), score.prompt_adherence
            row.reasons = to_text(verdict.reasons)
            for before, after, detail in (
                ("leased", "rendered", {"sha256": clip.sha256}),
                ("rendered", "passed", {"reasons": verdict.reasons}),
            ):
                session.add(
                    _EventRow(
                        variant_id=variant.variant_id,
                        at=time.time(),
                        actor="me",
                        from_state=before,
                        to_state=after,
                        detail=to_text(detail),
                    )
                )
            session.commit()
        seconds = time.perf_counter() - started
    engine.dispose()
    return seconds


def _make_durable(connection: Any, record: Any) -> None:
    journal = "WAL" if wal_is_safe() else "TRUNCATE"
    for pragma in (f"journal_mode={journal}", "synchronous=FULL", "foreign_keys=ON"):
        connection.execute(f"PRAGMA {pragma}").close()
