"""The catalogue: the only place where a variant's state changes."""

from dataclasses import replace
from pathlib import Path
from typing import Self

from adapters.catalogue.accounts.accounts import Accounts
from adapters.catalogue.accounts.saved_views import SavedViews
from adapters.catalogue.accounts.sessions import Sessions
from adapters.catalogue.accounts.share_links import ShareLinks
from adapters.catalogue.accounts.tokens import Tokens
from adapters.catalogue.core.database import Database
from adapters.catalogue.core.engine import build_engine, catalogue_name, forbid_new_file
from adapters.catalogue.core.log_mark import LogMark
from adapters.catalogue.core.schema import check_role, migrate_to_head
from adapters.catalogue.core.seals import AuditKey
from adapters.catalogue.log.restores import Restores
from adapters.catalogue.log.sealing import access_to
from adapters.catalogue.messages.alerts import Alerts
from adapters.catalogue.messages.sheet_imports import SheetImports
from adapters.catalogue.review.approval_proof import ApprovalProofs
from adapters.catalogue.review.audit import Audit
from adapters.catalogue.review.blind_reviews import BlindReviews
from adapters.catalogue.review.decisions import Decisions
from adapters.catalogue.review.deliverable_proof import DeliverableProofs
from adapters.catalogue.review.labels import Labels
from adapters.catalogue.review.places_proof import PlacesProofs
from adapters.catalogue.review.removal_proof import RemovalProofs
from adapters.catalogue.review.reviews import Reviews
from adapters.catalogue.views.campaign_stats import CampaignStatsView
from adapters.catalogue.views.clock import Clock
from adapters.catalogue.views.existing_footage import ExistingFootage
from adapters.catalogue.views.files import Files
from adapters.catalogue.views.gallery import Gallery
from adapters.catalogue.views.metrics import Metrics
from adapters.catalogue.views.progress import Progress
from adapters.catalogue.views.published import Published
from adapters.catalogue.views.variants import Variants
from adapters.catalogue.work.campaigns import Campaigns
from adapters.catalogue.work.deliverable_leases import DeliverableLeases
from adapters.catalogue.work.deliverables import Deliverables
from adapters.catalogue.work.device_use import DeviceUses
from adapters.catalogue.work.leases import Leases
from adapters.catalogue.work.night_schedules import NightSchedules
from adapters.catalogue.work.provider_accounts import ProviderAccounts
from adapters.catalogue.work.provider_jobs import ProviderJobs
from adapters.catalogue.work.results import Results
from adapters.catalogue.work.runs import Runs
from adapters.catalogue.work.steering import Steering


class Catalogue:
    """A campaign database, SQLite or PostgreSQL. Threads may share one; each process opens its own.

    Each attribute is one part, for example ``catalogue.leases.acquire(...)``. Every method of a part may raise
    CatalogueUnreachableError (no answer, or locked for too long) and DiskFullError.
    """

    def __init__(self, database: Database) -> None:
        self.database = database
        self.accounts = Accounts(database)
        self.alerts = Alerts(database)
        self.approval_proofs = ApprovalProofs(database)
        self.audit = Audit(database)
        self.blind_reviews = BlindReviews(database)
        self.campaign_stats = CampaignStatsView(database)
        self.campaigns = Campaigns(database)
        self.clock = Clock(database)
        self.decisions = Decisions(database)
        self.deliverable_leases = DeliverableLeases(database)
        self.deliverable_proofs = DeliverableProofs(database, self.approval_proofs)
        self.deliverables = Deliverables(database)
        self.device_use = DeviceUses(database)
        self.existing_footage = ExistingFootage(database)
        self.files = Files(database)
        self.gallery = Gallery(database)
        self.labels = Labels(database)
        self.leases = Leases(database)
        self.metrics = Metrics(database)
        self.night_schedules = NightSchedules(database)
        self.places_proofs = PlacesProofs(database)
        self.progress = Progress(database)
        self.provider_accounts = ProviderAccounts(database)
        self.provider_jobs = ProviderJobs(database)
        self.published = Published(database)
        self.removal_proofs = RemovalProofs(database)
        self.restores = Restores(database)
        self.results = Results(database)
        self.reviews = Reviews(database)
        self.runs = Runs(database)
        self.saved_views = SavedViews(database)
        self.sessions = Sessions(database)
        self.share_links = ShareLinks(database)
        self.sheet_imports = SheetImports(database)
        self.steering = Steering(database)
        self.tokens = Tokens(database)
        self.variants = Variants(database)

    @property
    def url(self) -> str:
        """The URL with its password, for a worker process that opens its own connection."""
        return self.database.url

    def close(self) -> None:
        """Close all connections."""
        self.database.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def open_catalogue(
    url: str,
    *,
    patience: float = 30.0,
    audit_key: bytes | None = None,
    seal_history: bool = True,
    key_problem: str = "",
    was_sealed: bool = False,
    log_marks: Path | None = None,
) -> Catalogue:
    """Open a catalogue; create or migrate its tables if necessary.

    Args:
        url: ``sqlite:///file`` or ``postgresql://user:password@host/database``.
        patience: seconds to wait for a lock that another process holds.
        audit_key: secret of at least 32 bytes that seals the log and decisions. Without it, a sealed catalogue can be
            read and worked on, but nothing can be decided or delivered.
        seal_history: seal a catalogue that has a history and no seals. If False, nothing can be decided or delivered
            in it until a person seals it.
        was_sealed: the catalogue was sealed before. If its seals are missing, it is not sealed, even if it is empty.
        key_problem: why there is no audit key, although this installation should have one.
        log_marks: folder that remembers the newest known entry of the log; without it, a log that was cut back to a
            former end is not noticed.

    Raises:
        NewerCatalogueError: a newer version of Reelmill wrote it.
        CatalogueError: with an audit key, if the role of the URL may only render.
        CatalogueUnreachableError: the database does not answer.
        DiskFullError: there is no room to create it.
        SettingsError: the audit key is too short.
    """
    key = AuditKey(audit_key) if audit_key else None
    engine = build_engine(url, patience)
    try:
        migrate_to_head(engine)
        if key:
            check_role(engine)
        forbid_new_file(engine)
        access = access_to(
            Database(engine), key, may_begin=seal_history, was_sealed=was_sealed, key_problem=key_problem
        )
    except BaseException:
        engine.dispose()
        raise
    mark = LogMark(log_marks, catalogue_name(url)) if key and log_marks else None
    return Catalogue(Database(engine, replace(access, mark=mark)))
