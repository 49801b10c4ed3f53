"""Four runs at once, each a process, deliver to the same buckets and write the same logs.

python four_runs.py FOLDER HOURS     prints one JSON line: what verify says, and the numbers that were given
"""

import json
import os
import sys
import traceback
from pathlib import Path

from support.logged import ONE, Logged
from support.manifests import HOUR, signer
from support.orchestration_builders import EVENTS

from footfall.bucket_log import entries_range
from footfall.verify import verify_bucket

RUNS = 4
EXPORTS = [EVENTS.model_copy(update={"name": f"events-{n}"}) for n in range(RUNS)]


def work(folder, n, hours):
    """One process: an export of its own, hour by hour, with the logs after each."""
    at = Logged(folder, exports=EXPORTS)
    for hour in range(hours):
        at.now = HOUR + (hour + 1) * ONE
        at.deliver(EXPORTS[n], HOUR + hour * ONE)
        for trouble in at.publish():
            raise trouble


def main(folder, hours):
    signer()  # one key for all
    children = []
    for n in range(RUNS):
        pid = os.fork()
        if pid == 0:
            code = 1
            try:
                work(folder, n, hours)
                code = 0
            except Exception:
                traceback.print_exc()
            finally:
                sys.stderr.flush()
                os._exit(code)
        children.append(pid)
    codes = [os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) for pid in children]
    at = Logged(folder, exports=EXPORTS)
    at.now = HOUR + (hours + 1) * ONE
    result = {"codes": codes, "troubles": [str(each) for each in at.publish()], "problems": [], "ranges": {}}
    for name, store in at.stores.items():
        seen = verify_bucket(store, needs_log=True, at=HOUR + hours * ONE)
        result["problems"] += [*seen.problems, *seen.gaps, *seen.in_progress]
        result["manifests"] = seen.manifests
        found = (entries_range(info.key) for info in store.list("_log/entries/"))
        result["ranges"][name] = sorted(each for each in found if each)
    return result


if __name__ == "__main__":
    sys.stdout.write(json.dumps(main(Path(sys.argv[1]), int(sys.argv[2]))) + "\n")
