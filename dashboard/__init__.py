"""Shows what `brainmri` wrote, in a browser. `python -m dashboard --help` says how to start it."""
