"""Which strategies a test of the contract is about."""

import pytest

from fanout_pipeline.engine.registry import STRATEGIES

RELIABLE = [name for name, strategy in STRATEGIES.items() if not strategy.baseline]
"""Those that keep every promise of docs/reliability.md."""
IN_PROCESS = [name for name in RELIABLE if not STRATEGIES[name].starts_processes]
BY_ITEM = [name for name in RELIABLE if not STRATEGIES[name].batch]
"""Those that call an async function, too."""

every_strategy = pytest.mark.parametrize("name", RELIABLE)
every_strategy_by_item = pytest.mark.parametrize("name", BY_ITEM)
