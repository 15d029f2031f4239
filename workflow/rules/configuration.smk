"""The configuration, read once more from its files by the reader of every command: what one refuses the other refuses, in the same
words. Snakemake's own `config` has lost what was a text and what a number, and keys that stood twice.
"""

import sys

from admire.campaign.reading import configuration
from admire.errors import AdmireError
from admire.output.screen import sentence

try:
    # how messages name it: the files that it was read from
    CONFIGURATION, ORIGIN = configuration(
        list(workflow.overwrite_configfiles), dict(workflow.config_settings.config)
    )
except AdmireError as error:
    sys.exit(sentence(str(error)))
