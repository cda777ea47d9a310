"""A person's wish to stop: this process's steps look at it between clips."""

import threading

stopping = threading.Event()
"""Set when the flow is interrupted; leases are given back, what is finished stays."""
