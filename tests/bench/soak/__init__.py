"""Whether the relay stays as it is under load: ``python -m tests.bench soak``.

**Load** in closed loops and **churn** (clients that come and go, each badly in its own way) run against a gateway in rounds. In a round its
memory is looked at; between rounds all clients are gone, and what the gateway then still has is counted: open files, tasks, links, and
requests that somebody waits for. The upstream is played.
"""
