"""`cosignet` where few files and sockets may be opened.

python -m tests.server.cramped serve
"""

import resource

from cosignet.cli.main import main
from cosignet.core.limits import DESCRIPTORS_RESERVED_MIN

DESCRIPTORS = DESCRIPTORS_RESERVED_MIN + 64

if __name__ == "__main__":
    resource.setrlimit(resource.RLIMIT_NOFILE, (DESCRIPTORS, DESCRIPTORS))
    raise SystemExit(main())
