"""The command line: one file per subcommand, which parses, calls and prints. Heavy packages are imported inside `run`."""
