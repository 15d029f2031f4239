"""What ADMIRE says when it refuses: one sentence that names the file, the key and the mend."""


class AdmireError(Exception):
    """Base of every error whose message is meant for the user as it stands; the command line prints it and exits with 1."""


class ConfigError(AdmireError):
    """The campaign's YAML asks for something that cannot be."""


class SourceError(AdmireError):
    """A data source is missing, empty, unreadable, or no longer what it was."""


class TrialError(AdmireError):
    """A trial's files contradict each other or are not there."""


class StorageError(AdmireError):
    """A disk is full or a file system away: no fault of what was being done, which the same command does again."""


class TableError(AdmireError):
    """A table of runs says what cannot be."""


class BusyError(AdmireError):
    """Another process holds what this one needs."""
