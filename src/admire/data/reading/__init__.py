"""From a source's entry in the YAML to its rows: which files are read, how each kind of file is, and which rows are wanted."""
