"""Every kind of trouble a user may meet; what is raised speaks of the single case.

The README's troubleshooting table is made of it, and a test holds that it names every id that the code raises.
"""

from rest_source.catalogue.answers import ANSWERS
from rest_source.catalogue.entry import Entry
from rest_source.catalogue.loads import LOADS
from rest_source.catalogue.network import NETWORK
from rest_source.catalogue.sign_ins import SIGN_INS
from rest_source.catalogue.statuses import STATUSES

CATALOGUE: tuple[Entry, ...] = (*STATUSES, *NETWORK, *SIGN_INS, *ANSWERS, *LOADS)

__all__ = ["CATALOGUE", "Entry"]
