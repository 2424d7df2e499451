"""``python -m gateway`` is ``rcgateway``."""

from gateway.cli import main

if __name__ == "__main__":
    main()
