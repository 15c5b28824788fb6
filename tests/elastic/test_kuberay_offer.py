"""What a RayCluster may bring, as Ray reads it from Kubernetes: our manifest, answered by a stand-in for the API server."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import requests
import yaml
from ray.autoscaler._private.kuberay import node_provider

from sweep.elastic import nodes
from sweep.elastic.kuberay import in_kuberay, raycluster_config
from sweep.elastic.lasting import STEADY
from sweep.elastic.nodes import offer_here
from sweep.elastic.watching import steady_places
from sweep.planning.preflight import check_resources
from training.errors import UserError

MANIFEST = Path(__file__).parents[2] / "cluster" / "kuberay.yaml"
POD = {"RAY_CLUSTER_NAME": "sweep", "KUBERNETES_SERVICE_HOST": "192.0.2.1", "RAY_CLUSTER_NAMESPACE": "research"}


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What was asked of the API server: it answers with the manifest's RayCluster."""
    documents: list[dict[str, Any]] = list(yaml.safe_load_all(MANIFEST.read_text("utf-8")))
    (found,) = [one for one in documents if one["kind"] == "RayCluster"]
    found["metadata"]["namespace"] = "research"
    asked: list[str] = []

    def get(self: Any, path: str) -> dict[str, Any]:
        asked.append(f"{self._namespace}/{path}")
        return found

    monkeypatch.setattr(node_provider.KubernetesHttpApiClient, "get", get)
    for name, value in POD.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(nodes, "commands_here", list)
    return asked


def test_groups_of_a_raycluster_are_what_its_autoscaler_may_start(asked: list[str]) -> None:
    offer = offer_here("192.0.2.9:6379")
    assert offer is not None and asked == ["research/rayclusters/sweep"]
    assert {kind.name: kind.most for kind in offer.types} == {
        "spot-large": 16,
        "spot-small": 16,
        "on-demand-small": 4,
        "on-demand-large": 4,
    }
    assert all(kind.resources["GPU"] == 1 and kind.resources["CPU"] == 7 for kind in offer.types)
    assert {kind.name for kind in offer.types if STEADY in kind.resources} == {"on-demand-small", "on-demand-large"}
    assert steady_places({"CPU": 1.0, "GPU": 1.0}, [], offer) == 8


def test_shape_that_no_group_has_is_refused_on_kuberay_too(asked: list[str]) -> None:
    offer = offer_here("192.0.2.9:6379")
    assert offer is not None
    check_resources({"CPU": 7.0, "GPU": 1.0}, [], offer.types)
    with pytest.raises(UserError, match="a trial needs 8 CPU") as fault:
        check_resources({"CPU": 8.0, "GPU": 1.0}, [], offer.types)
    assert "lower what a trial takes of CPU to 7" in fault.value.remedy


def test_namespace_is_the_pod_s_own_where_the_environment_has_none(asked: list[str], tmp_path: Path) -> None:
    (tmp_path / "namespace").write_text("mine\n")
    raycluster_config({"RAY_CLUSTER_NAME": "sweep"}, tmp_path)
    assert asked == ["mine/rayclusters/sweep"]


def test_kubernetes_that_does_not_answer_leaves_the_nodes_that_are_up(
    asked: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(self: Any, path: str) -> dict[str, Any]:
        raise requests.ConnectionError("refused")

    monkeypatch.setattr(node_provider.KubernetesHttpApiClient, "get", refuse)
    assert offer_here("192.0.2.9:6379") is None


def test_only_a_pod_of_kuberay_is_asked_about() -> None:
    assert in_kuberay(POD) and not in_kuberay({"KUBERNETES_SERVICE_HOST": "192.0.2.1"}) and not in_kuberay({})
