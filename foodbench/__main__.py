"""`python -m foodbench`, and `torchrun -m foodbench`."""

from foodbench.cli.main import main

main()
