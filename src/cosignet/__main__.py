"""`python -m cosignet` is `cosignet`."""

from cosignet.cli.main import main

if __name__ == "__main__":
    raise SystemExit(main())
