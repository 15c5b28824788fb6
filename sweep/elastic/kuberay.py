"""What a cluster of KubeRay may bring: the groups of its RayCluster, read from Kubernetes as Ray's own autoscaler reads them.

That autoscaler runs in a container of its own beside the head's, so no process of the head names its configuration. The head's
pod has the same service account, which may read the RayCluster: what Ray makes of it is a launcher's configuration.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

NAME = "RAY_CLUSTER_NAME"
"""Set by KubeRay in every container of a RayCluster."""
NAMESPACE = "RAY_CLUSTER_NAMESPACE"
ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")
HOST = "KUBERNETES_SERVICE_HOST"


def in_kuberay(environment: Mapping[str, str] = os.environ) -> bool:
    """Whether this process is in a pod that KubeRay made."""
    return bool(environment.get(NAME) and environment.get(HOST))


def raycluster_config(environment: Mapping[str, str] = os.environ, account: Path = ACCOUNT) -> dict[str, Any]:
    """The configuration that KubeRay's autoscaler works with.

    Raises OSError or ValueError where the pod's account or Kubernetes does not answer.
    """
    from ray.autoscaler._private.kuberay.autoscaling_config import AutoscalingConfigProducer

    namespace = environment.get(NAMESPACE) or (account / "namespace").read_text("utf-8").strip()
    config: dict[str, Any] = AutoscalingConfigProducer(environment[NAME], namespace)()
    return config
