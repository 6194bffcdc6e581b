"""`python -m smidgen`: the command line, where its script is not on the path."""

from smidgen.cli import main

main()
