"""What ``gateway.config`` is made of: units, the model of the settings, the YAML file, addresses."""
