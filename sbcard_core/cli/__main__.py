from sbcard_core.cli import main

main()
