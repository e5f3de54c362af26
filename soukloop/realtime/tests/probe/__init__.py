"""An app that only tests install: commands that do to the realtime core what no real one would."""
