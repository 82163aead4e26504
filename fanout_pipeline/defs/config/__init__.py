"""What run config and deployments may set: fields with their bounds, resources, executors.

Add a field where its resource or asset has its config, and its bounds in `bounds`. Keep out: what is done
with the values.
"""
