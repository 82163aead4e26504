"""Which strategies a test of the contract is about."""

import pytest

from fanout_pipeline.engine.registry import STRATEGIES
from fanout_pipeline_tests.names import BASELINES

RELIABLE = [name for name in STRATEGIES if name not in BASELINES]
"""Those that keep every promise of docs/reliability.md."""
IN_PROCESS = [name for name in RELIABLE if STRATEGIES[name].start_methods == ("none",)]
BY_ITEM = [name for name in RELIABLE if not STRATEGIES[name].batch]
"""Those that call an async function, too."""

every_strategy = pytest.mark.parametrize("name", RELIABLE)
every_strategy_by_item = pytest.mark.parametrize("name", BY_ITEM)
