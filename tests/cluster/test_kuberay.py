"""The KubeRay manifest, field by field, and as Ray's autoscaler reads it. No cluster: nothing is applied."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from tests.cluster.conftest import ROOT

WORKERS = {"spot-large": 40, "spot-small": 30, "on-demand-small": 20, "on-demand-large": 10}


@pytest.fixture(scope="module")
def documents() -> dict[str, dict[str, Any]]:
    held = list(yaml.safe_load_all((ROOT / "cluster" / "kuberay.yaml").read_text("utf-8")))
    return {one["kind"]: one for one in held}


@pytest.fixture(scope="module")
def ray_cluster(documents: dict[str, dict[str, Any]]) -> dict[str, Any]:
    return documents["RayCluster"]


def pods(ray_cluster: dict[str, Any]) -> list[dict[str, Any]]:
    groups = [ray_cluster["spec"]["headGroupSpec"], *ray_cluster["spec"]["workerGroupSpecs"]]
    return [group["template"] for group in groups]


def test_manifest_is_of_the_api_that_kuberay_serves(documents: dict[str, dict[str, Any]]) -> None:
    assert {kind: one["apiVersion"] for kind, one in documents.items()} == {
        "ServiceAccount": "v1",
        "NetworkPolicy": "networking.k8s.io/v1",
        "RayCluster": "ray.io/v1",
    }
    assert all(one["metadata"]["name"] == "sweep" for one in documents.values())


def test_spec_has_no_field_that_the_api_lacks(ray_cluster: dict[str, Any]) -> None:
    spec = ray_cluster["spec"]
    assert set(spec) == {
        *("rayVersion", "authOptions", "enableInTreeAutoscaling", "autoscalerOptions"),
        *("headGroupSpec", "workerGroupSpecs"),
    }
    assert set(spec["headGroupSpec"]) == {"serviceType", "rayStartParams", "template"}
    for group in spec["workerGroupSpecs"]:
        assert set(group) == {
            *("groupName", "minReplicas", "replicas", "maxReplicas", "priority", "idleTimeoutSeconds"),
            *("rayStartParams", "template"),
        }


def test_head_trains_nothing_and_is_reached_from_inside_alone(ray_cluster: dict[str, Any]) -> None:
    head = ray_cluster["spec"]["headGroupSpec"]
    assert head["rayStartParams"]["num-cpus"] == "0"
    assert head["serviceType"] == "ClusterIP"
    (container,) = head["template"]["spec"]["containers"]
    assert "nvidia.com/gpu" not in container["resources"]["limits"]
    assert head["template"]["spec"]["nodeSelector"]["karpenter.sh/capacity-type"] == "on-demand"


def test_servers_ask_for_a_token(ray_cluster: dict[str, Any]) -> None:
    assert ray_cluster["spec"]["authOptions"] == {"mode": "token"}


def test_pods_are_reached_by_each_other_and_the_operator_alone(documents: dict[str, dict[str, Any]]) -> None:
    policy = documents["NetworkPolicy"]["spec"]
    assert policy["podSelector"]["matchLabels"] == {"ray.io/cluster": "sweep"}
    (rule,) = policy["ingress"]
    assert all("podSelector" in source for source in rule["from"])
    assert not any("ipBlock" in source for source in rule["from"])


def test_workers_have_one_shape_and_go_from_none_to_many(ray_cluster: dict[str, Any]) -> None:
    groups = ray_cluster["spec"]["workerGroupSpecs"]
    assert {group["groupName"]: group["priority"] for group in groups} == WORKERS
    for group in groups:
        assert group["minReplicas"] == group["replicas"] == 0 < group["maxReplicas"]
        spec = group["template"]["spec"]
        (container,) = spec["containers"]
        assert container["resources"]["limits"] == container["resources"]["requests"]
        assert container["resources"]["limits"]["nvidia.com/gpu"] == "1"
        market = "spot" if group["groupName"].startswith("spot") else "on-demand"
        assert spec["nodeSelector"]["karpenter.sh/capacity-type"] == market
        assert {"key": "nvidia.com/gpu", "operator": "Exists", "effect": "NoSchedule"} in spec["tolerations"]


def test_every_pod_runs_the_same_image_with_caches_on_the_node_s_disk(ray_cluster: dict[str, Any]) -> None:
    images = set()
    for pod in pods(ray_cluster):
        (container,) = pod["spec"]["containers"]
        images.add(container["image"])
        mounts = {mount["name"]: mount["mountPath"] for mount in container["volumeMounts"]}
        assert set(mounts) == {volume["name"] for volume in pod["spec"]["volumes"]}
        cache = next(one["value"] for one in container["env"] if one["name"] == "SWEEP_CACHE")
        assert cache.startswith(mounts["local"] + "/")
        assert container["securityContext"]["allowPrivilegeEscalation"] is False
        assert pod["metadata"]["labels"]["budget"] == "sweep"
        assert pod["spec"]["serviceAccountName"] == "sweep"
    assert len(images) == 1


def test_image_is_built_from_the_ray_of_the_lock(ray_cluster: dict[str, Any]) -> None:
    text = (ROOT / "cluster" / "Dockerfile").read_text("utf-8")
    assert f"FROM rayproject/ray:{ray_cluster['spec']['rayVersion']}-py311" in text
    assert f"\nray=={ray_cluster['spec']['rayVersion']} " in (ROOT / "cluster" / "requirements.lock").read_text("utf-8")


@pytest.mark.ray
def test_ray_s_autoscaler_reads_the_shape_that_cluster_yaml_has(ray_cluster: dict[str, Any]) -> None:
    from ray.autoscaler._private.kuberay.autoscaling_config import _derive_autoscaling_config_from_ray_cr
    from ray.autoscaler._private.util import validate_config

    named = {**ray_cluster, "metadata": {**ray_cluster["metadata"], "namespace": "default"}}
    read = _derive_autoscaling_config_from_ray_cr(named)
    validate_config(read)
    types = dict(read["available_node_types"])
    head = types.pop(read["head_node_type"])
    assert head["resources"]["CPU"] == 0 and head["resources"]["trial_driver"] == 48
    assert {name: of["priority"] for name, of in types.items()} == WORKERS
    assert {(of["resources"]["CPU"], of["resources"]["GPU"]) for of in types.values()} == {(7, 1)}
    assert {of["idle_timeout_s"] for of in types.values()} == {300}
