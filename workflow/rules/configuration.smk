"""The configuration, read again from its files by the function that every `admire` command uses, so that both refuse the same files
in the same words. Snakemake's own `config` no longer shows which values were texts or numbers and which keys stood twice.
"""

import sys

from admire.campaign.reading import configuration
from admire.errors import AdmireError
from admire.output.screen import sentence

try:
    # Messages name the configuration by ORIGIN, the files that it was read from.
    CONFIGURATION, ORIGIN = configuration(
        list(workflow.overwrite_configfiles), dict(workflow.config_settings.config)
    )
except AdmireError as error:
    sys.exit(sentence(str(error)))
