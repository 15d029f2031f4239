"""From a source's entry in the YAML to its rows: which files are read, how each format is read, and which rows are selected."""
