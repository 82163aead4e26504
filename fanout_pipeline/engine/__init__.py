"""How the calls are made. The flow of one run:

    run_strategy        spec + options -> identity, a generation in the store, what an earlier run finished
      |
      |  Work: source, function, chunks that are left. Descriptors travel, data does not.
      v
    Crew.run            ChunkPlan: which chunk is next, how large, for how long
      |
      +--> in this process            +--> in worker processes
      |    strategies/inline_crew     |    workers/pool starts them, each under a guard that ends what it
      |    strategies/thread_crew     |    has started; workers/run gives each one chunk at a time, watches
      |                               |    limits, replaces one that dies, suspects the item it died with
      v                               v
    calls/              read the chunk -> call the function on each item -> retry, quarantine
      |
      v
    results.write       a part file a chunk, and an entry in the ledger: from here on it is not paid for twice
      |                 (in short runs a worker sends its results, and the parent writes: workers/handing_back)
      |
      |  Outcome: a record of the part, its times, and the rest of the chunk if time ran out
      v
    PartCollector       parts in the order of the chunks, whatever the order of arrival
      |
      v
    Store.commit        many small parts become few; what readers see changes in one step, from the
                        earlier results to these, whole

Nothing of the run is visible before the commit. A run that dies leaves earlier results as they were and
a ledger, with which the next run of the same identity goes on.

Rooms, each of which imports only those before it: system, timing, model, functions, calls,
scheduling, workers, strategies, clusters and baselines; then `registry`, `suitability`, `crews` (workers that do
several runs) and `run`; then scattered.
Baselines run in a process of their own that is killed with all it has started (`workers/apart`).

Add a strategy as one file in `strategies/` and one line in `registry`. Keep out: Dagster, the formats of
inputs (`sources`) and of results (`results`), and anything that compares one strategy with another.
"""
