"""The command line: one file a subcommand; each parses, calls and prints. Heavy imports are local to the subcommand."""
