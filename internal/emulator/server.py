"""Starts moto's own server, which here also answers what the Terraform provider asks and moto does not know.

A method that a newer moto brings itself replaces the one of this file. What moto answers otherwise than AWS is
mended where the provider would fail, wait for ever, or find a change and set it again with every apply.

Moto trusts whoever can connect. Here pages of other sites are refused, and the Docker daemon, which moto starts
containers with, is out of reach.

Usage: python server.py VERSION [--exit-with-stdin]
"""

import json
import os
import sys
import threading
from collections.abc import Mapping

os.environ["DOCKER_HOST"] = "unix:///dev/null"
os.environ["MOTO_IAM_LOAD_MANAGED_POLICIES"] = "true"

from moto.applicationautoscaling.responses import ApplicationAutoScalingResponse
from moto.core.base_backend import AccountSpecificBackend, BackendDict
from moto.core.common_models import BaseModel
from moto.core.responses import ActionResult, BaseResponse
from moto.ec2.models.security_groups import SecurityGroupRule
from moto.ecs.models import Service
from moto.ecs.responses import EC2ContainerServiceResponse
from moto.iam.access_control import PermissionResult
from moto.logs.responses import LogsResponse
from moto.moto_api._internal import urls as administration
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, MotoRequestHandler, create_backend_app
from moto.rds.models import DBCluster, DBInstance
from moto.rds.responses import RDSResponse
from moto.s3.models import FakeBucket, FakeDeleteMarker
from moto.wafv2.responses import WAFV2Response
from werkzeug.serving import make_server

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))  # python -I leaves it out
import models

LISTENER = 3  # the file descriptor of the socket that is given


def add_methods(target, *methods):
    for method in methods:
        if not hasattr(target, method.__name__):
            setattr(target, method.__name__, method)


# Application Auto Scaling: the provider reads and writes the tags of scalable targets, which are kept here by ARN.


def tags_of(response, arn):
    return vars(response.applicationautoscaling_backend).setdefault("tags", {}).setdefault(arn, {})


def list_tags_for_resource(self):
    return json.dumps({"Tags": tags_of(self, self._get_param("ResourceARN"))})


def tag_resource(self):
    tags_of(self, self._get_param("ResourceARN")).update(self._get_param("Tags"))
    return "{}"


def untag_resource(self):
    for key in self._get_param("TagKeys"):
        tags_of(self, self._get_param("ResourceARN")).pop(key, None)
    return "{}"


register = ApplicationAutoScalingResponse.register_scalable_target


def register_scalable_target(self):
    answer = register(self)
    tags_of(self, json.loads(answer)["ScalableTargetARN"]).update(self._get_param("Tags") or {})
    return answer


# CloudWatch Logs: what is masked in a log group, which is kept here by its name and masks nothing.


def data_protection(response):
    return vars(response.logs_backend).setdefault("data_protection", {})


def put_data_protection_policy(self):
    data_protection(self)[self._get_param("logGroupIdentifier")] = self._get_param("policyDocument")
    return get_data_protection_policy(self)


def get_data_protection_policy(self):
    group = self._get_param("logGroupIdentifier")
    return json.dumps({"logGroupIdentifier": group, "policyDocument": data_protection(self).get(group)})


def delete_data_protection_policy(self):
    data_protection(self).pop(self._get_param("logGroupIdentifier"), None)
    return "{}"


# ECS: the provider waits for a steady service, so every deployment has already succeeded and every task runs.


initialize = Service.__init__


def initialize_running(self, *arguments, **settings):
    """Moto lets every new service run the same number of tasks, that of an environment variable."""
    initialize(self, *arguments, **settings)
    self.running_count, self.pending_count = self.desired_count, 0
    for deployment in self.deployments:
        deployment.update(runningCount=self.desired_count, pendingCount=0, rolloutState="COMPLETED")


def service_deployments(services):
    """What AWS tells of each entry of the services' `deployments`.

    Moto's id is `ecs-svc/<number>`. The provider looks for that number in the ARN of the target service revision.
    """
    for service in services:
        prefix, name = service.arn.split(":service/", 1)
        for deployment in service.deployments:
            number = deployment["id"].split("/")[-1]
            revision = f"{prefix}:service-revision/{name}/{number}"
            yield {
                "serviceDeploymentArn": f"{prefix}:service-deployment/{name}/{number}",
                "serviceArn": service.arn,
                "clusterArn": service.cluster_arn,
                "createdAt": deployment["createdAt"],
                "startedAt": deployment["createdAt"],
                "finishedAt": deployment["updatedAt"],
                "targetServiceRevisionArn": revision,
                "targetServiceRevision": {"arn": revision, "requestedTaskCount": service.desired_count,
                                          "runningTaskCount": service.running_count,
                                          "pendingTaskCount": service.pending_count},
                "status": "SUCCESSFUL",
            }


def list_service_deployments(self):
    cluster = self._get_param("cluster", "default")
    services, _ = self.ecs_backend.describe_services(cluster, [self._get_param("service")])
    statuses = self._get_param("status") or ["SUCCESSFUL"]
    return ActionResult({"serviceDeployments": [
        found for found in service_deployments(services) if found["status"] in statuses]})


def describe_service_deployments(self):
    wanted = self._get_param("serviceDeploymentArns") or []
    return ActionResult({"failures": [], "serviceDeployments": [
        found for found in service_deployments(self.ecs_backend.services.values())
        if found["serviceDeploymentArn"] in wanted]})


# RDS: a stack asks for the newest minor version of Aurora PostgreSQL; there are two, so that one is the newest.


def describe_db_engine_versions(self):
    engine = self.params.get("Engine")
    family = self.params.get("DBParameterGroupFamily") or ""
    major = family.removeprefix(engine or "")
    versions = [f"{major}.{minor}" for minor in (10, 12)] if major.isdigit() else []
    return ActionResult({"DBEngineVersions": [
        {"Engine": engine, "EngineVersion": version, "DBParameterGroupFamily": family, "Status": "available"}
        for version in versions]})


# S3: moto closes the file that holds a version's content, and forgets that a delete marker has none.


def dispose(self, garbage=False):
    pass


# It does not know the condition on which a bucket's policy denies clear text, and would deny everything.


def get_permission(self, action, resource):
    return PermissionResult.NEUTRAL


# WAF: moto forgets what a web ACL hides of the requests that it shows, which is kept here by the web ACL's name.


def hidden(response):
    return vars(response.wafv2_backend).setdefault("hidden", {})


def hiding(write):
    def write_and_keep(self):
        hidden(self)[self._get_param("Name")] = self._get_param("DataProtectionConfig")
        return write(self)

    return write_and_keep


read_web_acl = WAFV2Response.get_web_acl


def get_web_acl(self):
    status, headers, text = read_web_acl(self)
    answer = json.loads(text)
    answer["WebACL"]["DataProtectionConfig"] = hidden(self).get(answer["WebACL"]["Name"])
    return status, headers, json.dumps(answer)


# What clients set when they create something and moto forgets, or knows by another name when it answers.

FORGOTTEN = {
    "enable_performance_insights": "EnablePerformanceInsights",
    "performance_insights_kms_key_id": "PerformanceInsightsKMSKeyId",
    "performance_insights_retention_period": "PerformanceInsightsRetentionPeriod",
    "database_insights_mode": "DatabaseInsightsMode",
    "availability_zone_rebalancing": "availabilityZoneRebalancing",
    "enable_execute_command": "enableExecuteCommand",
    "health_check_grace_period_seconds": "healthCheckGracePeriodSeconds",
}


def remembering(create):
    """The method that answers with a new model, whose attributes are what describing it tells."""

    def create_and_remember(self):
        answer = create(self)
        for model in answer.result.values():
            for attribute, parameter in FORGOTTEN.items():
                if self._get_param(parameter) is not None:
                    setattr(model, attribute, self._get_param(parameter))
        return answer

    return create_and_remember


def remember_all():
    RDSResponse.create_db_cluster = remembering(RDSResponse.create_db_cluster)
    RDSResponse.create_db_instance = remembering(RDSResponse.create_db_instance)
    EC2ContainerServiceResponse.create_service = remembering(EC2ContainerServiceResponse.create_service)
    for model in (DBCluster, DBInstance):
        model.performance_insights_enabled = property(lambda self: getattr(self, "enable_performance_insights", False))
    # Moto keeps it under another name when a cluster is modified.
    DBCluster.iam_database_authentication_enabled = property(
        lambda self: bool(getattr(self, "enable_iam_database_authentication", self.iam_auth)))
    # Moto describes an empty one for every cluster.
    scaling = DBCluster.scaling_configuration_info.fget
    DBCluster.scaling_configuration_info = property(lambda self: scaling(self) if self.scaling_configuration else None)
    SecurityGroupRule.description = property(
        lambda self: self.ip_range.get("Description") or self.source_group.get("Description"))


# The page /moto-api/tap/inventory. Moto's own data.json keeps listing what was deleted.

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


get_backend = AccountSpecificBackend.__getitem__


def get_noted_backend(self, region_name):
    """Notes what each backend contains at the moment moto has created it, before any request reached it."""
    backend = get_backend(self, region_name)
    if id(backend) not in own_objects:
        own_objects[id(backend)] = (backend, {id(model): model for model in models_in(backend)})
    return backend


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
    return kind == "TaskDefinition"  # revisions stay on purpose (skip_destroy) and cost nothing


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
                    listed.append({"service": backends.service_name, "type": type(model).__name__,
                                   "name": name_of(model), "account": account, "region": region})
    return sorted(listed, key=lambda found: tuple(found.values()))


def exit_with_standard_input():
    """Ends this process when whoever holds the other end of standard input is gone, however it ended."""

    def wait():
        while os.read(sys.stdin.fileno(), 4096):
            pass
        os._exit(0)

    threading.Thread(target=wait, daemon=True).start()


def refuse_strangers(application):
    """Lets through only what is addressed to this host and port and does not come from another site's page."""

    def guard(environ, start_response):
        own = f"{environ['SERVER_NAME']}:{environ['SERVER_PORT']}"
        if (environ.get("HTTP_HOST") == own
                and environ.get("HTTP_ORIGIN", f"http://{own}") == f"http://{own}"
                and environ.get("HTTP_SEC_FETCH_SITE", "none") in ("none", "same-origin")):
            return application(environ, start_response)
        start_response("403 Forbidden", [("Content-Type", "text/plain")])
        return [f"Only requests to http://{own} that no other site's page has made are answered.\n".encode()]

    return guard


def main():
    add_methods(ApplicationAutoScalingResponse, list_tags_for_resource, tag_resource, untag_resource)
    ApplicationAutoScalingResponse.register_scalable_target = register_scalable_target
    add_methods(LogsResponse, put_data_protection_policy, get_data_protection_policy, delete_data_protection_policy)
    add_methods(EC2ContainerServiceResponse, list_service_deployments, describe_service_deployments)
    Service.__init__ = initialize_running
    add_methods(RDSResponse, describe_db_engine_versions)
    add_methods(FakeDeleteMarker, dispose)
    FakeBucket.get_permission = get_permission
    WAFV2Response.create_web_acl = hiding(WAFV2Response.create_web_acl)
    WAFV2Response.update_web_acl = hiding(WAFV2Response.update_web_acl)
    WAFV2Response.get_web_acl = get_web_acl
    remember_all()
    AccountSpecificBackend.__getitem__ = get_noted_backend
    administration.url_paths["{0}/moto-api/tap/inventory"] = lambda request, full_url, headers: (
        200, {"Content-Type": "application/json"}, json.dumps(resources()))
    BaseResponse.setup_class = models.prepare_and_note
    administration.url_paths["{0}/moto-api/tap/calls"] = models.page

    if "--exit-with-stdin" in sys.argv:
        exit_with_standard_input()
    server = make_server("127.0.0.1", 0, refuse_strangers(DomainDispatcherApplication(create_backend_app)),
                         threaded=True, request_handler=MotoRequestHandler, fd=LISTENER)
    print(json.dumps({"pid": os.getpid(), "port": server.port, "version": sys.argv[1]}), flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
