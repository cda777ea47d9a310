"""Cancellation of this process: its steps check for it between clips."""

import threading

stopping = threading.Event()
"""Set when the flow is interrupted. Leases are released, and finished work is kept."""
