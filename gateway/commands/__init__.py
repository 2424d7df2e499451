"""The subcommands of ``rcgateway``, one module for each."""
