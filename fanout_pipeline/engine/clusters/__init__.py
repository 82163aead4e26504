"""Chunks on the workers of a cluster: Dask's, Ray's.

    this process                                 a worker of the cluster
    workers.run, as for processes of our own
      ClusterWorker --request--> engine ~~~~~~~> lanes.do --message--> a process of ours, under its guard
                    <--answer--- (dask, ray) <~~ limits, cuts  <------ reads, calls, writes the part

What an engine does is in `engine.Engine`: it says where there is room, opens lanes there, and carries requests to them.
A lane is one process of ours for one slot of the cluster. So items that end their process, calls that take too long,
retries, `setup` and logs mean what they mean on one machine, for the same code does it. An engine retries nothing.

Keep out: when which chunk is done (`scheduling`), and what is done with one (`calls`). Engines are imported where they
are used.
"""
