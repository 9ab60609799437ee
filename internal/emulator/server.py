"""Starts moto's own server with the few AWS API methods that this project needs and moto lacks.

No method that moto has answers differently. Each addition applies only where moto really lacks
the method, so that a newer moto silently takes its own.

Added AWS methods:
  Application Auto Scaling  ListTagsForResource, TagResource, UntagResource
                            The Terraform provider reads and writes the tags of scalable targets.
  ECS                       ListServiceDeployments, DescribeServiceDeployments
                            The Terraform provider asks them while it waits for a steady service.
  RDS                       DescribeDBEngineVersions
                            A stack asks for the newest minor version of Aurora PostgreSQL.

Added pages beside moto's own administration pages below /moto-api/:
  /moto-api/tap/instance    says which start of the emulator this is, so that another process
                            on the same port is never taken for it.
  /moto-api/tap/inventory   lists what clients created and did not delete. Moto's own data.json
                            cannot tell: it keeps listing what was deleted.

Usage: python server.py --port PORT --instance NAME [--exit-with-stdin]
"""

import argparse
import json
import os
import sys
import threading
from collections.abc import Mapping

import moto.server
from moto import __version__ as moto_version
from moto.applicationautoscaling.responses import ApplicationAutoScalingResponse
from moto.core.base_backend import AccountSpecificBackend, BackendDict
from moto.core.common_models import BaseModel
from moto.core.responses import ActionResult
from moto.ecs.responses import EC2ContainerServiceResponse
from moto.moto_api._internal import urls as administration
from moto.rds.responses import RDSResponse


def add_methods(response_class, *methods):
    """Adds those methods that the class does not have; returns whether it lacked them all."""
    lacking = [method for method in methods if not hasattr(response_class, method.__name__)]
    for method in lacking:
        setattr(response_class, method.__name__, method)
    return len(lacking) == len(methods)


# Application Auto Scaling: the tags of scalable targets.


def scalable_target(response, arn):
    """The scalable target of that ARN, or None."""
    for targets in response.applicationautoscaling_backend.targets.values():
        for target in targets.values():
            if target.arn == arn:
                return target
    return None


def tags_of(target):
    """The target's tags. They live on moto's own object and are forgotten with it."""
    if not hasattr(target, "tags"):
        target.tags = {}
    return target.tags


def not_found(response):
    arn = response._get_param("ResourceARN")
    body = {"__type": "ResourceNotFoundException", "Message": f"No scalable target found for resource ARN: {arn}"}
    return 400, {"status": 400}, json.dumps(body)


def list_tags_for_resource(self):
    target = scalable_target(self, self._get_param("ResourceARN"))
    return not_found(self) if target is None else json.dumps({"Tags": tags_of(target)})


def tag_resource(self):
    target = scalable_target(self, self._get_param("ResourceARN"))
    if target is None:
        return not_found(self)
    tags_of(target).update(self._get_param("Tags") or {})
    return json.dumps({})


def untag_resource(self):
    target = scalable_target(self, self._get_param("ResourceARN"))
    if target is None:
        return not_found(self)
    for key in self._get_param("TagKeys") or []:
        tags_of(target).pop(key, None)
    return json.dumps({})


def remember_tags_of_registration():
    """Moto drops the tags that RegisterScalableTarget carries; the methods above must know them."""
    register = ApplicationAutoScalingResponse.register_scalable_target

    def register_scalable_target(self):
        answer = register(self)
        tags = self._get_param("Tags")
        if tags:
            target = scalable_target(self, json.loads(answer)["ScalableTargetARN"])
            tags_of(target).update(tags)
        return answer

    ApplicationAutoScalingResponse.register_scalable_target = register_scalable_target


# ECS: every deployment of a service has already succeeded.


def service_deployment(service, deployment):
    """The service deployment for one entry of the service's `deployments`.

    Moto's id is `ecs-svc/<number>`. The provider looks for that number in the ARN of the target
    service revision.
    """
    number = deployment["id"].split("/")[-1]
    prefix, name = service.arn.split(":service/", 1)
    return {
        "serviceDeploymentArn": f"{prefix}:service-deployment/{name}/{number}",
        "serviceArn": service.arn,
        "clusterArn": service.cluster_arn,
        "createdAt": deployment["createdAt"],
        "startedAt": deployment["createdAt"],
        "finishedAt": deployment["updatedAt"],
        "targetServiceRevisionArn": f"{prefix}:service-revision/{name}/{number}",
        "targetServiceRevision": {
            "arn": f"{prefix}:service-revision/{name}/{number}",
            "requestedTaskCount": service.desired_count,
            "runningTaskCount": service.running_count,
            "pendingTaskCount": service.pending_count,
        },
        "status": "SUCCESSFUL",
    }


def service_deployments_of(services):
    return [service_deployment(service, deployment) for service in services for deployment in service.deployments]


def list_service_deployments(self):
    cluster = self._get_param("cluster", "default")
    services, _ = self.ecs_backend.describe_services(cluster, [self._get_param("service")])
    statuses = self._get_param("status")
    members = ("serviceDeploymentArn", "serviceArn", "clusterArn", "createdAt", "startedAt", "finishedAt",
               "targetServiceRevisionArn", "status")
    briefs = [{member: found[member] for member in members}
              for found in service_deployments_of(services) if not statuses or found["status"] in statuses]
    return ActionResult({"serviceDeployments": briefs})


def describe_service_deployments(self):
    known = {found["serviceDeploymentArn"]: found
             for found in service_deployments_of(self.ecs_backend.services.values())}
    wanted = self._get_param("serviceDeploymentArns") or []
    return ActionResult({
        "serviceDeployments": [{key: value for key, value in known[arn].items() if key != "targetServiceRevisionArn"}
                               for arn in wanted if arn in known],
        "failures": [{"arn": arn, "reason": "MISSING"} for arn in wanted if arn not in known],
    })


# RDS: the minor versions of a parameter group family; two, so that one is the newest.


def describe_db_engine_versions(self):
    engine = self.params.get("Engine")
    family = self.params.get("DBParameterGroupFamily") or ""
    major = family.removeprefix(engine or "")
    versions = [f"{major}.{minor}" for minor in (10, 12)] if major.isdigit() else []
    return ActionResult({"DBEngineVersions": [
        {"Engine": engine, "EngineVersion": version, "DBParameterGroupFamily": family, "Status": "available"}
        for version in versions]})


# The inventory: what clients created and did not delete.

# What moto makes by itself with a backend (the default VPC, AWS managed policies, the default
# event bus and the like), by the backend. The strong references keep a reused id() from lying.
own_objects = {}

# States in which AWS, too, still lists something that has been deleted.
DELETED_STATES = {"deleted", "deleting", "inactive", "pendingdeletion", "terminated"}


def models_in(backend):
    """The moto model objects in the backend's own containers, in order.

    What is part of such an object (the listeners of a load balancer, the rules of a security group)
    goes with it and is not listed.
    """
    found, seen, left = [], set(), [vars(backend)]
    while left:
        value = left.pop()
        if id(value) in seen:
            continue
        seen.add(id(value))
        if isinstance(value, BaseModel):
            found.append(value)
        elif isinstance(value, Mapping):
            left.extend(reversed(list(value.values())))
        elif isinstance(value, (list, tuple, set, frozenset)):
            left.extend(reversed(list(value)))
    return found


def remember_own_objects():
    """Notes what each backend holds at the moment moto has created it, before any request reached it."""
    get_backend = AccountSpecificBackend.__getitem__

    def __getitem__(self, region_name):
        backend = get_backend(self, region_name)
        if id(backend) not in own_objects:
            own_objects[id(backend)] = (backend, {id(model): model for model in models_in(backend)})
        return backend

    AccountSpecificBackend.__getitem__ = __getitem__


def made_by_aws(model):
    """Whether AWS itself makes such a thing along with another and removes it again; moto forgets to remove it."""
    kind = type(model).__name__
    if kind == "NetworkAcl":  # of every VPC
        return model.default
    if kind == "NetworkInterface":  # of NAT gateways, interface endpoints and tasks
        return not model.description and not model.get_tags()
    if kind in ("DBSnapshot", "DBClusterSnapshot"):
        return model.snapshot_type == "automated"
    if kind in ("DBParameterGroup", "DBClusterParameterGroup", "OptionGroup"):  # no client may use this prefix
        return name_of(model).split(":")[-1].startswith("default")
    return False


def is_deleted(model):
    for attribute in ("status", "state", "key_state", "deleted_date", "deletion_date"):
        value = getattr(model, attribute, None)
        if attribute.endswith("_date") and value:
            return True
        if isinstance(value, str) and value.lower().replace("_", "") in DELETED_STATES:
            return True
    return False


def name_of(model):
    for attribute in ("arn", "id", "name", "physical_resource_id"):
        try:
            value = getattr(model, attribute, None)
        except Exception:  # a property of moto's that needs more than the object has
            continue
        if isinstance(value, str) and value:
            return value
    return ""


def resources():
    listed = []
    for backends in list(BackendDict._instances):
        for account, region, backend in list(backends.iter_backends()):
            _, own = own_objects.get(id(backend), (None, {}))
            for model in models_in(backend):
                if id(model) not in own and not is_deleted(model) and not made_by_aws(model):
                    listed.append({
                        "service": backends.service_name,
                        "type": type(model).__name__,
                        "name": name_of(model),
                        "account": account,
                        "region": region,
                    })
    return sorted(listed, key=lambda found: tuple(found.values()))


def exit_with_standard_input():
    """Ends this process when whoever holds the other end of standard input is gone, however it ended."""

    def wait():
        while os.read(sys.stdin.fileno(), 4096):
            pass
        os._exit(0)

    threading.Thread(target=wait, daemon=True).start()


def main():
    parser = argparse.ArgumentParser(description="AWS emulator (moto) for the local deployment and the tests")
    parser.add_argument("--port", required=True, type=int, help="TCP port on 127.0.0.1")
    parser.add_argument("--instance", required=True, help="name of this start, told at /moto-api/tap/instance")
    parser.add_argument("--exit-with-stdin", action="store_true", help="end when standard input is closed")
    arguments = parser.parse_args()

    if add_methods(ApplicationAutoScalingResponse, list_tags_for_resource, tag_resource, untag_resource):
        remember_tags_of_registration()
    add_methods(EC2ContainerServiceResponse, list_service_deployments, describe_service_deployments)
    add_methods(RDSResponse, describe_db_engine_versions)
    remember_own_objects()

    def answer(value):
        return lambda request, full_url, headers: (200, {"Content-Type": "application/json"}, json.dumps(value()))

    administration.url_paths["{0}/moto-api/tap/instance"] = answer(
        lambda: {"instance": arguments.instance, "moto": moto_version})
    administration.url_paths["{0}/moto-api/tap/inventory"] = answer(resources)

    if arguments.exit_with_stdin:
        exit_with_standard_input()
    moto.server.main(["--host", "127.0.0.1", "--port", str(arguments.port)])


if __name__ == "__main__":
    main()
