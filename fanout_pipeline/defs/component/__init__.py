"""The component `fanout_pipeline.Fanout`: `fanout_asset` in YAML.

Keep out: anything that `fanout_asset` cannot do.
"""
