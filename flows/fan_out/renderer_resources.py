"""What a driver sends to the renderers of a Ray cluster, and what each renderer adds on its own host.

A renderer runs third-party models, so it gets nothing that it could sign, approve or publish with.
"""

from dataclasses import replace
from pathlib import Path

from flows.fan_out.fan_out import spans_hosts
from flows.runtime.home import prepare_home
from flows.runtime.resources import DIGESTS, machine_id, plain_secret
from flows.settings import Settings, load_settings
from manifests.errors import SettingsError
from models.weights.file_digest import remember_digests_in
from tasks.runtime.resources import BucketConfig, Resources, SignerConfig

NO_SIGNER = SignerConfig("none", Path("no-signer"))


def renderer_resources(settings: Settings, resources: Resources) -> Resources:
    """Return what shards need of the driver's resources.

    Threads of this process get all of them. Ray workers get only the fields below, so that a new secret is not sent
    by accident. If the cluster spans hosts, they get no credentials either: each host has its own.
    """
    if settings.runner == "threads":
        return resources
    away = spans_hosts(settings)
    place = resources.bucket
    return Resources(
        catalogue_url="" if away else resources.catalogue_url,
        bucket=BucketConfig(
            location=place.location,
            endpoint=place.endpoint,
            region=place.region,
            access_key=None if away else place.access_key,
            secret_key=None if away else place.secret_key,
        ),
        signer=NO_SIGNER,
        staging=resources.staging,
        first_frames=resources.first_frames,
        master_crf=resources.master_crf,
        finish_master_crf=resources.finish_master_crf,
        machine=resources.machine,
        shared=resources.shared,
        devices=resources.devices,
        threads=resources.threads,
        model_folders=resources.model_folders,
        weights_root=resources.weights_root,
        lease_s=resources.lease_s,
        attempts=resources.attempts,
    )


def localise_resources(resources: Resources) -> Resources:
    """Return the resources with the local values of this host; only needed if hosts share their staging.

    Raises:
        SettingsError: the driver has sent no credentials, and this host has none for the catalogue.
    """
    if not resources.shared:
        remember_digests_in(resources.staging.parent / DIGESTS)
        return resources
    own = load_settings()
    prepare_home(own.home)
    remember_digests_in(own.home / DIGESTS)
    local = replace(
        resources,
        staging=own.home / "staging",
        first_frames=own.home / "first-frames",
        speech=own.home / "speech",
        machine=machine_id(own),
        devices=own.device_names,
        threads=own.threads,
        weights_root=own.weights_root,
        model_folders=own.model_folders or resources.model_folders,
    )
    return local if resources.catalogue_url else _with_own_credentials(local, own)


def _with_own_credentials(resources: Resources, own: Settings) -> Resources:
    if not own.catalogue_url.startswith(("postgresql", "postgres:")):
        raise SettingsError(
            "This Ray worker has no access to the catalogue, because drivers do not send their credentials to other "
            "hosts. Set REELMILL_CATALOGUE_URL on the worker to the PostgreSQL database of the driver, with the role "
            "of the renderers (infra/postgresql/roles.sql)."
        )
    keys = plain_secret(own.bucket_access_key), plain_secret(own.bucket_secret_key)
    place = replace(resources.bucket, access_key=keys[0], secret_key=keys[1])
    return replace(resources, catalogue_url=own.catalogue_url, bucket=place)
