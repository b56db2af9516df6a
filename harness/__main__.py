"""`python -m harness` is `elubench`, for a checkout that is not installed."""

import sys

if __name__ == "__main__":
    try:
        from elubench import main
    except KeyboardInterrupt:  # elubench.py answers all that come later
        print("elubench: interrupted", file=sys.stderr)
        raise SystemExit(130) from None
    main()
