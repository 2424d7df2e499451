"""What `make run` starts with: documents, certificates, settings and a key, made here and the same on every machine."""
