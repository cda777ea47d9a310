"""Modules that the fork server imports once, so that the runs do not import them again."""

import billing_run
import campaign_run
import kill_points
import numpy.fft
import numpy.linalg
import numpy.random
import psycopg
from sqlalchemy import create_engine

import adapters.bucket.s3
import adapters.catalogue.migrations

__all__ = ["adapters", "billing_run", "campaign_run", "kill_points", "numpy", "psycopg"]

for url in ("sqlite://", "postgresql+psycopg://"):
    create_engine(url).dispose()
