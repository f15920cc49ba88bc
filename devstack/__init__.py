"""What `fte up` starts: ports, environments, the runtime, the servers and their supervisor."""

import os

# Read when grpc is first imported. Its fork handlers are for children that go on using grpc; the
# supervisor's children become other programs at once.
os.environ.setdefault("GRPC_ENABLE_FORK_SUPPORT", "0")
# Its remarks about connections that come and go would stand between the supervisor's own lines.
os.environ.setdefault("GRPC_VERBOSITY", "ERROR")
