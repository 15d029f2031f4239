"""Replays in the continuous space: methods choose any mixture, and emulators of a table of finished runs score it."""
