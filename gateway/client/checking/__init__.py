"""Walks the way to a remote cluster step by step, and says in plain words what is wrong on it and how to mend it.

    holds = await check_remote(settings, "berlin", "alice", ["logs-*"], tell=lambda step: print(step.text))

*Step*: one part of the way, from the settings to the indices, with what was found. *Fault*: what is wrong with a step; the way ends there.
*Mend*: what to do about it. *Warning*: what does not keep a request from being answered.
"""

from gateway.client.checking.steps import Status, Step
from gateway.client.checking.walk import NOT_REACHED, STEPS, check_remote

__all__ = ["NOT_REACHED", "STEPS", "Status", "Step", "check_remote"]
