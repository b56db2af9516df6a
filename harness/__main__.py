"""`python -m harness` is `elubench`, for a checkout that is not installed."""

from elubench import main

if __name__ == "__main__":
    main()
