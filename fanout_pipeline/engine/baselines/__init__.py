"""The ways to fan out that a comparison needs as its baselines: they are measured, not deployed.

Belongs here: queue, indexed_queue and pool_map, as plain as a tutorial has them. Keep out: retries,
quarantine, limits and resuming, which they refuse by name.
"""
