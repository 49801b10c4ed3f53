"""A run whose process died together with its code server is found dead."""

import os
import subprocess
import sys
import time

import dagster as dg
from dagster._core.events import EngineEventData
from dagster._core.launcher import WorkerStatus
from dagster._core.storage.tags import GRPC_INFO_TAG

from orchestration.launcher import is_alive


@dg.job
def nothing():
    pass


def started(instance, pid, **tags):
    run = instance.create_run_for_job(nothing, tags=tags)
    instance.report_engine_event("Started process for run", run, EngineEventData.in_process(pid))
    return instance.run_launcher.check_run_worker_health(run).status


def test_a_run_lives_as_long_as_its_process(instance):
    socket = {GRPC_INFO_TAG: '{"host": "localhost", "socket": "/tmp/x"}'}
    worker = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    try:
        assert started(instance, worker.pid, **socket) is WorkerStatus.RUNNING
        worker.kill()
        worker.wait()
        assert started(instance, worker.pid, **socket) is WorkerStatus.FAILED
        assert started(instance, worker.pid) is WorkerStatus.RUNNING, "somewhere else: it cannot be told"
    finally:
        worker.kill()
        worker.communicate()


def test_a_process_that_got_the_number_later_is_another_one():
    assert is_alive(os.getpid(), time.time())
    assert not is_alive(os.getpid(), time.time() - 10 * 365 * 86400)
