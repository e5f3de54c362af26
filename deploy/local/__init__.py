"""The commands of a checkout: set it up, run it, test it, stop it. Standard library only."""
