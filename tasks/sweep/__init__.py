"""The steps of the sweeper, one per module; ``tasks.sweep.sweep`` runs them in order."""
