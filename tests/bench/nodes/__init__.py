"""What stands between a real local cluster and a real remote one, and what a search then takes: nothing, HAProxy, or the gateway.

``python -m tests.bench nodes`` starts a local node of 9.5.3 and a remote one of 8.19.21 of its own. Everything runs on this machine, so
what the gateway takes of its cores is missing to the nodes: the more searches at once, the more of the ratio is that.
"""
