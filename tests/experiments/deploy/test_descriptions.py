"""The cluster descriptions, as far as they can be checked without machines; test_clusters.py runs the command."""

import copy
import re
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[3]
FOLDER = ROOT / "experiments" / "deploy"
PINNED = dict(line.split("==") for line in (ROOT / "constraints.txt").read_text().split())

# The fields of a RayJob that are used, as KubeRay has them: ray-project/kuberay, ray-operator/apis/ray/v1,
# rayjob_types.go and raycluster_types.go. Pod templates are Kubernetes' own.
RAY_JOB = {"apiVersion", "kind", "metadata", "spec"}

RAY_JOB_SPEC = {
    *("activeDeadlineSeconds", "backoffLimit", "rayClusterSpec", "submitterPodTemplate", "metadata", "suspend"),
    *("clusterSelector", "entrypoint", "runtimeEnvYAML", "submissionMode", "ttlSecondsAfterFinished"),
    *("shutdownAfterJobFinishes", "entrypointNumCpus"),
}

RAY_CLUSTER_SPEC = {"rayVersion", "headGroupSpec", "workerGroupSpecs", "enableInTreeAutoscaling"}
HEAD_GROUP = {"rayStartParams", "template", "serviceType"}
WORKER_GROUP = {"groupName", "replicas", "minReplicas", "maxReplicas", "rayStartParams", "template"}
POD = {"name", "image", "ports", "resources", "env", "volumeMounts"}


def described(name: str) -> Any:
    return yaml.safe_load((FOLDER / name).read_text())


def test_ray_up_accepts_the_cluster():
    """By Ray's own schema, once `ray up` has filled it in: a head and two workers."""
    from ray.autoscaler._private.util import prepare_config, validate_config

    filled = prepare_config(described("cluster.yaml"))
    validate_config(copy.deepcopy(filled))
    (node_type,) = filled["available_node_types"].values()
    assert (node_type["min_workers"], filled["max_workers"]) == (2, 2)
    with pytest.raises(Exception, match="file_mount"):
        validate_config(filled | {"file_mount": {}})


def test_the_cluster_gets_the_wheel_of_this_repository():
    config = described("cluster.yaml")
    assert set(config["file_mounts"].values()) == {"dist", "constraints.txt"}
    assert all((ROOT / path).exists() for path in config["file_mounts"].values() if path != "dist")
    setup = " ".join(config["setup_commands"])
    for mounted in config["file_mounts"]:
        assert mounted in setup
    for command in (*config["head_start_ray_commands"], *config["worker_start_ray_commands"]):
        assert command.startswith("~/meterstorm/bin/ray ")


def test_kuberay_knows_every_field_of_the_job():
    job = described("rayjob.yaml")
    assert (job["apiVersion"], job["kind"]) == ("ray.io/v1", "RayJob")
    spec, cluster = job["spec"], job["spec"]["rayClusterSpec"]
    assert set(job) <= RAY_JOB and set(spec) <= RAY_JOB_SPEC and set(cluster) <= RAY_CLUSTER_SPEC
    assert set(cluster["headGroupSpec"]) <= HEAD_GROUP
    assert all(set(group) <= WORKER_GROUP for group in cluster["workerGroupSpecs"])
    groups = [cluster["headGroupSpec"], *cluster["workerGroupSpecs"]]
    containers = [pod for group in groups for pod in group["template"]["spec"]["containers"]]
    assert all(set(pod) <= POD for pod in containers)
    assert {pod["image"] for pod in containers} == {f"meterstorm:{version('meterstorm')}"}


def test_versions_are_those_that_are_tested():
    job, image = described("rayjob.yaml"), (FOLDER / "Dockerfile").read_text()
    assert job["spec"]["rayClusterSpec"]["rayVersion"] == PINNED["ray"]
    assert re.findall(r"^FROM (\S+)$", image, re.MULTILINE) == [f"rayproject/ray:{PINNED['ray']}-py311"]
    assert f"meterstorm:{version('meterstorm')} " in image


def test_nothing_names_a_package_registry():
    for path in FOLDER.iterdir():
        assert not re.search(r"https?://|index-url|find-links", path.read_text()), path
