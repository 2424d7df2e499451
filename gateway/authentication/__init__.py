"""Who sends a request: API keys and their store, the subject of a request, certificates."""
