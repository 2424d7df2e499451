"""REST JSON of requests and responses."""
