"""A cluster as its job API shows it: jobs are handed in, asked about, followed and ended. All that is needed is one address.

Whoever answers is asked with Ray's token where `RAY_AUTH_MODE=token` says so; the token is in no message and in no record.
"""

from __future__ import annotations

import contextlib
import logging
import os
import re
import time
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from sweep.away.place import Kind, Place
from sweep.away.tunnel import tunnel
from training.errors import UserError

OVERRIDE = "RAY_API_SERVER_ADDRESS"
TIMEOUT = (10.0, 120.0)
"""Seconds to connect, and to wait for the next bytes."""
POLL = 0.3
PREAMBLE = re.compile(rb"\A.*?^Running entrypoint for job [^\n]*\n", re.DOTALL | re.MULTILINE)
"""What Ray itself writes before a job's first line."""
GOING, PENDING = ("PENDING", "RUNNING"), "PENDING"


class OutOfReachError(UserError):
    """Nobody answers: it may be the network, and pass."""


@dataclass(frozen=True, kw_only=True)
class Job:
    """A job: submission id, state (Ray's word), exit code once it has one, start (ms since the epoch), metadata, machine."""

    id: str
    state: str
    code: int | None
    began: int
    said: str
    metadata: Mapping[str, str]
    machine: str

    @property
    def going(self) -> bool:
        """Whether it waits or runs."""
        return self.state in GOING


@contextlib.contextmanager
def open_cluster(place: Place) -> Iterator[Cluster]:
    """The cluster of a place, through a tunnel where it has to be. Raises UserError when it does not answer."""
    if place.kind is Kind.FILE:
        with tunnel(Path(place.on)) as address:
            yield Cluster(address, place.on)
    else:
        yield Cluster(place.address, place.on)


class Cluster:
    """The job API of one cluster; `on` is how the user names it. Raises UserError when it does not answer, or is too old."""

    def __init__(self, address: str, on: str) -> None:
        self.address, self.on = address, on
        os.environ[OVERRIDE] = address  # the client would follow RAY_ADDRESS, whatever address it is given
        with self._faults():
            from ray.job_submission import JobSubmissionClient

            for name in ("dashboard_sdk", "job.sdk"):  # they set their own level when they are imported
                logging.getLogger(f"ray.dashboard.modules.{name}").setLevel(logging.WARNING)

            class Client(JobSubmissionClient):
                def _do_request(self, method: str, endpoint: str, **more: Any) -> Any:
                    return super()._do_request(method, endpoint, **{"timeout": TIMEOUT, **more})

            self.client = Client(address)
            self._check_version()

    def _check_version(self) -> None:
        import ray

        theirs = str(self.client._do_request("GET", "/api/version").json()["ray_version"])
        if theirs.split(".")[:2] != ray.__version__.split(".")[:2]:
            remedy = f"install the same version on both: this machine has {ray.__version__}"
            raise UserError("the cluster has another version of Ray", theirs, remedy)

    @contextlib.contextmanager
    def _faults(self) -> Iterator[None]:
        import requests
        from ray.exceptions import AuthenticationError

        try:
            yield
        except (ConnectionError, TimeoutError, requests.exceptions.RequestException) as error:
            remedy = f"is it up, and the port forwarded? look: curl -sS {self.address}/api/version; or run here: --on local"
            raise OutOfReachError("no Ray cluster answers at this address", self.address, remedy) from error
        except AuthenticationError as error:
            remedy = "set RAY_AUTH_MODE=token, and RAY_AUTH_TOKEN (or RAY_AUTH_TOKEN_PATH) to the cluster's token"
            raise UserError("the cluster does not take this machine's token", self.address, remedy) from error
        except RuntimeError as error:
            remedy = "look at the cluster's dashboard and at its logs"
            raise UserError("the cluster refuses", f"{error}"[:500], remedy) from error

    def jobs(self) -> list[Job]:
        """Every job that was handed in, oldest first."""
        with self._faults():
            found = [_job(details) for details in self.client.list_jobs() if details.submission_id]
        return sorted(found, key=lambda job: job.began)

    def job(self, name: str) -> Job:
        """How a job is now."""
        with self._faults():
            return _job(self.client.get_job_info(name))

    def going(self) -> set[str]:
        """Names of all jobs, and of drivers that were started otherwise, that wait or run."""
        with self._faults():
            found = self.client.list_jobs()
        states = {str(each.submission_id or each.job_id): str(getattr(each.status, "value", each.status)) for each in found}
        return {name for name, state in states.items() if state in GOING}

    def submit(
        self, name: str, command: str, package: Path, metadata: Mapping[str, str], environment: Mapping[str, str]
    ) -> None:
        """Hand in a job that runs a shell command in an unpacked package; what is there already is not sent again."""
        with self._faults():
            self.client.submit_job(
                entrypoint=command,
                submission_id=name,
                runtime_env={"working_dir": str(package), "env_vars": dict(environment)},
                metadata=dict(metadata),
            )

    def end(self, name: str) -> None:
        """Have Ray end a job: SIGTERM, and SIGKILL soon after."""
        with self._faults():
            self.client.stop_job(name)

    def wait(self, name: str) -> Job:
        """Wait for the end of a job."""
        while (job := self.job(name)).going:
            time.sleep(POLL)
        return job

    def copy_output(self, job: Job, into: IO[bytes]) -> None:
        """Copy what a job has written, byte by byte, into a file; nothing where it never started."""
        if not job.machine:
            return
        query = f"node_id={job.machine}&filename=job-driver-{job.id}.log&lines=-1&timeout=60"
        with self._faults():
            answer = self.client._do_request("GET", f"/api/v0/logs/file?{query}", stream=True)
            if answer.status_code != 200:
                raise RuntimeError(f"the log of job {job.id} can't be read: {answer.status_code}")
            for block in answer.iter_content(1 << 20):
                into.write(block)

    def tail(self, name: str) -> AsyncIterator[str]:
        """What a job writes, from its first line, as it comes; ends with the job."""
        found: AsyncIterator[str] = self.client.tail_job_logs(name)
        return found


def _job(details: Any) -> Job:
    return Job(
        id=str(details.submission_id),
        state=str(getattr(details.status, "value", details.status)),
        code=details.driver_exit_code,
        began=int(details.start_time or 0),
        said=str(details.message or ""),
        metadata=dict(details.metadata or {}),
        machine=str(details.driver_node_id or ""),
    )
