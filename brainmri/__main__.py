"""`python -m brainmri`: see `brainmri.cli`."""

if __name__ == "__main__":
    import sys

    from brainmri.cli import main

    sys.exit(main())
