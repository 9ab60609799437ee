"""Starts moto's own server, which here also answers what the Terraform provider asks and moto does not know.

What only has to be kept is a line with keeps(), any other operation a function with @lacked_by: one that a newer moto
brings itself replaces it. What moto answers otherwise than AWS is mended with @around, where the provider would fail,
wait for ever, or find a change and set it again with every apply.

Moto trusts whoever can connect. Here pages of other sites are refused, and so is what makes this process write files,
send requests or start containers for any user of the machine: moto's recorder and configuration, the Docker daemon.

Usage: python server.py VERSION [--exit-with-stdin]
"""

import json
import os
import re
import sys
import threading
import uuid
from unittest.mock import patch

os.closerange(3, 1024)  # a lock or a pipe of whoever started this would be held until it ends
os.environ["DOCKER_HOST"] = "unix:///dev/null"
os.environ["MOTO_IAM_LOAD_MANAGED_POLICIES"] = "true"

from moto.applicationautoscaling.responses import ApplicationAutoScalingResponse
from moto.backends import get_backend
from moto.backup import urls as backup_urls
from moto.backup.responses import BackupResponse
from moto.core import DEFAULT_ACCOUNT_ID
from moto.core.common_models import BaseModel
from moto.core.responses import ActionResult, BaseResponse
from moto.ec2.models.managed_prefixes import ManagedPrefixListBackend
from moto.ec2.models.security_groups import SecurityGroupRule
from moto.ec2.models.vpcs import VPCBackend
from moto.ecs.models import EC2ContainerServiceBackend, Service
from moto.ecs.responses import EC2ContainerServiceResponse
from moto.elbv2.exceptions import ELBClientError
from moto.elbv2.responses import ELBV2Response
from moto.iam.access_control import PermissionResult
from moto.logs.responses import LogsResponse
from moto.moto_api._internal import urls as administration
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, MotoRequestHandler, create_backend_app
from moto.rds.models import DBCluster, DBInstance
from moto.rds.responses import RDSResponse
from moto.route53.models import HostedZoneIdentifier
from moto.s3.models import FakeBucket
from moto.secretsmanager.models import SecretsManagerSecretIdentifier
from moto.sqs.models import Queue
from moto.sns.models import SNSBackend
from moto.sns.responses import SNSResponse
from moto.utilities.utils import get_partition
from moto.wafv2.models import FakeIPSet
from moto.wafv2.responses import WAFV2Response
from werkzeug.serving import make_server

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))  # python -I leaves it out
import models


def lacked_by(owner):
    """Makes a function a method of a class of moto's that has none of that name."""

    def add(function):
        if not hasattr(owner, function.__name__):
            setattr(owner, function.__name__, function)
        return function

    return add


def around(owner, *names):
    """Calls a function in place of methods of a class of moto's, and gives it the method after self."""

    def replace(function):
        for name in names:
            def method(self, *arguments, replaced=getattr(owner, name), **settings):
                return function(self, replaced, *arguments, **settings)

            setattr(owner, name, method)
        return function

    return replace


def kept(response):
    """What is kept here for a service in moto's backend, which forgets it when it is reset."""
    backend = get_backend(response.service_name)[response.current_account][response.region]
    return vars(backend).setdefault("kept", {})


def keeps(owner, noun, name, put="put", get="get", delete="delete"):
    """Lets clients of a service that speaks JSON put, get and delete what it lacks, by the parameter that names it."""

    def put_it(self):
        kept(self)[noun, self._get_param(name)] = self.body
        return self.body

    def get_it(self):
        return kept(self).get((noun, self._get_param(name)), "{}")

    def delete_it(self):
        kept(self).pop((noun, self._get_param(name)), None)
        return "{}"

    for verb, function in ((put, put_it), (get, get_it), (delete, delete_it)):
        function.__name__ = f"{verb}_{noun}"
        lacked_by(owner)(function)


# Application Auto Scaling: the provider reads and writes the tags of scalable targets, which are kept by ARN.


@lacked_by(ApplicationAutoScalingResponse)
def list_tags_for_resource(self):
    return json.dumps({"Tags": kept(self).get(self._get_param("ResourceARN"), {})})


@lacked_by(ApplicationAutoScalingResponse)
def tag_resource(self):
    kept(self).setdefault(self._get_param("ResourceARN"), {}).update(self._get_param("Tags"))
    return "{}"


@lacked_by(ApplicationAutoScalingResponse)
def untag_resource(self):
    for key in self._get_param("TagKeys"):
        kept(self).get(self._get_param("ResourceARN"), {}).pop(key, None)
    return "{}"


@around(ApplicationAutoScalingResponse, "register_scalable_target")
def register_with_tags(self, register):
    answer = register(self)
    kept(self).setdefault(json.loads(answer)["ScalableTargetARN"], {}).update(self._get_param("Tags") or {})
    return answer


# AWS Backup: moto knows no change of a plan, no selection, no policy of a vault, makes no backup, and reads tags only
# where a path ends in a slash.

for path in ("access-policy", "recovery-points/?"):
    backup_urls.url_paths["{0}/backup-vaults/(?P<name>[^/]+)/" + path + "$"] = backup_urls.response.dispatch


@lacked_by(BackupResponse)
def update_backup_plan(self):
    plan = self.backup_backend.plans[self.path.split("/")[3]]
    plan.backup_plan = json.loads(self.body)["BackupPlan"]
    return json.dumps(plan.to_dict())


@around(BackupResponse, "list_tags")
def list_tags_of_any(self, list_tags):
    self.path = self.path.rstrip("/") + "/"
    return list_tags(self)


@lacked_by(BackupResponse)
def list_recovery_points_by_backup_vault(self):
    return json.dumps({"RecoveryPoints": []})


def keep_backup(part, create, get, delete):
    """Keeps what the first operation is given, by a part of its path."""
    def answer(self):
        name = self.path.split("/")[part]
        if self.method == "PUT":
            kept(self)[name] = {**json.loads(self.body), "SelectionId": name, "BackupVaultName": name}
        return json.dumps(kept(self).pop(name) if self.method == "DELETE" else kept(self)[name])

    for operation in (create, get, delete):
        setattr(BackupResponse, operation, getattr(BackupResponse, operation, answer))


keep_backup(2, "put_backup_vault_access_policy", "get_backup_vault_access_policy", "delete_backup_vault_access_policy")
keep_backup(3, "create_backup_selection", "get_backup_selection", "delete_backup_selection")


# CloudWatch Logs: what is masked in a log group, which masks nothing.
keeps(LogsResponse, "data_protection_policy", "logGroupIdentifier")


# WAF: a set of addresses has a whole UUID as its lock, of which moto gives six digits.


@around(FakeIPSet, "__init__", "update")
def lock_whole(self, write, *arguments, **settings):
    write(self, *arguments, **settings)
    self.lock_token = str(uuid.uuid4())


# WAF: moto forgets what a web ACL hides of the requests that it shows, which is kept by the web ACL's name.


@around(WAFV2Response, "create_web_acl", "update_web_acl")
def write_and_keep(self, write):
    kept(self)[self._get_param("Name")] = self._get_param("DataProtectionConfig")
    return write(self)


@around(WAFV2Response, "get_web_acl")
def read_with_kept(self, read):
    status, headers, text = read(self)
    answer = json.loads(text)
    answer["WebACL"]["DataProtectionConfig"] = kept(self).get(answer["WebACL"]["Name"])
    return status, headers, json.dumps(answer)


# SNS: who is subscribed by e-mail has to confirm. Moto takes every subscription for confirmed, and has no tokens: here
# the address is the token.


@around(SNSBackend, "subscribe")
def subscribe_pending(self, subscribe, topic_arn, endpoint, protocol):
    subscription = subscribe(self, topic_arn, endpoint, protocol)
    if protocol == "email" and not subscription.confirmed:
        subscription.attributes["PendingConfirmation"] = True
    return subscription


@around(SNSResponse, "confirm_subscription")
def confirm(self, answer):
    for subscription in self.backend.subscriptions.values():
        if subscription.endpoint == self._get_param("Token"):
            subscription.attributes["PendingConfirmation"], subscription.confirmed = False, True
    return answer(self)


# EC2: moto forgets what a rule says of a prefix list, and does not have that of Route 53's health checkers.


@around(SecurityGroupRule, "__init__")
def keep_prefix_list(self, initialize, *arguments, **settings):
    initialize(self, *arguments, **settings)
    self.prefix_list = dict(enumerate(arguments)).get(7) or {}


@around(ManagedPrefixListBackend, "create_default_pls")
def list_health_checkers(self, create):
    create(self)
    self._create_aws_managed_prefix_list(f"com.amazonaws.{self.region_name}.route53-healthchecks", "IPv4",
                                         [{"Cidr": "15.177.0.0/18", "Description": "default"}])


# ELB: moto has no trust stores, which are kept by their ARN, and forgets what a listener asks of clients.


@around(ELBV2Response, "create_listener", "modify_listener")
def ask_clients(self, write):
    asked, answer = self._get_param("MutualAuthentication"), write(self)
    if asked:
        answer.result["Listeners"][0].mutual_authentication = asked
    return answer


@lacked_by(ELBV2Response)
def create_trust_store(self):
    name, place = self._get_param("Name"), f"elasticloadbalancing:{self.region}:{self.current_account}"
    arn = f"arn:{get_partition(self.region)}:{place}:truststore/{name}/1"
    kept(self)[arn] = {"Name": name, "TrustStoreArn": arn, "Status": "ACTIVE", "revocations": {}}
    self.elbv2_backend.tagging_service.tag_resource(arn, self._get_param("Tags", []))
    return ActionResult({"TrustStores": [kept(self)[arn]]})


@lacked_by(ELBV2Response)
def describe_trust_stores(self):
    return ActionResult({"TrustStores": [kept(self)[arn] for arn in self._get_param("TrustStoreArns") or kept(self)]})


def delete_unused(self, store):
    if users_of(self, store):
        raise ELBClientError("TrustStoreInUse", f"{store['Name']} is used by a listener.")
    del kept(self)[store["TrustStoreArn"]]


def users_of(self, store):
    return [{"ResourceArn": listener.arn} for balancer in self.elbv2_backend.load_balancers.values()
            for listener in balancer.listeners.values()
            if getattr(listener, "mutual_authentication", {}).get("TrustStoreArn") == store["TrustStoreArn"]]


def revoke(self, store):
    number = max(store["revocations"], default=0) + 1
    store["revocations"][number] = {"TrustStoreArn": store["TrustStoreArn"], "RevocationId": number}
    return {"TrustStoreRevocations": [store["revocations"][number]]}


for operation, answer_for in {
    "modify_trust_store": lambda self, store: {"TrustStores": [store]},
    "delete_trust_store": delete_unused,
    "describe_trust_store_associations": lambda self, store: {"TrustStoreAssociations": users_of(self, store)},
    "add_trust_store_revocations": revoke,
    "describe_trust_store_revocations": lambda self, store: {
        "TrustStoreRevocations": [store["revocations"][number] for number in self._get_param("RevocationIds")]},
    "remove_trust_store_revocations": lambda self, store: [
        store["revocations"].pop(number) for number in self._get_param("RevocationIds")] and {},
}.items():
    def method(self, answer_for=answer_for):
        return ActionResult(answer_for(self, kept(self)[self._get_param("TrustStoreArn")]) or {})

    method.__name__ = operation
    lacked_by(ELBV2Response)(method)


# ECS: the provider waits for a steady service, so every deployment has already succeeded and every task runs. Moto
# lets every new service run the same number of tasks, that of an environment variable.


@around(Service, "__init__")
def run_at_once(self, initialize, *arguments, **settings):
    initialize(self, *arguments, **settings)
    self.running_count, self.pending_count = self.desired_count, 0
    for deployment in self.deployments:
        deployment.update(runningCount=self.desired_count, pendingCount=0, rolloutState="COMPLETED")


# RDS: a stack asks for the newest minor version of Aurora PostgreSQL; there are two, so that one is the newest.


@lacked_by(RDSResponse)
def describe_db_engine_versions(self):
    engine, family = self.params.get("Engine", ""), self.params.get("DBParameterGroupFamily", "")
    return ActionResult({"DBEngineVersions": [
        {"Engine": engine, "EngineVersion": f"{family.removeprefix(engine)}.{minor}", "DBParameterGroupFamily": family,
         "Status": "available"} for minor in (10, 12)]})


# What clients set when they create something and moto forgets, or knows by another name when it answers.
FORGOTTEN = {
    "enable_performance_insights": "EnablePerformanceInsights",
    "performance_insights_kms_key_id": "PerformanceInsightsKMSKeyId",
    "performance_insights_retention_period": "PerformanceInsightsRetentionPeriod",
    "database_insights_mode": "DatabaseInsightsMode",
    "engine_lifecycle_support": "EngineLifecycleSupport",
    "availability_zone_rebalancing": "availabilityZoneRebalancing",
    "enable_execute_command": "enableExecuteCommand",
    "health_check_grace_period_seconds": "healthCheckGracePeriodSeconds",
}


@around(RDSResponse, "create_db_cluster", "create_db_instance")
@around(EC2ContainerServiceResponse, "create_service")
def create_and_remember(self, create):
    """Answers with a new model, whose attributes are what describing it tells."""
    answer = create(self)
    for model in answer.result.values():
        for attribute, parameter in FORGOTTEN.items():
            if self._get_param(parameter) is not None:
                setattr(model, attribute, self._get_param(parameter))
    return answer


# Moto refuses Aurora's own storage types; of the standard one AWS tells nothing.
DBCluster.default_allocated_storage = staticmethod(lambda engine, storage_type: 1)
DBCluster.storage_type = property(lambda self: "" if self.kind_of_storage == "aurora" else self.kind_of_storage,
                                  lambda self, value: setattr(self, "kind_of_storage", value))
DBCluster.performance_insights_enabled = DBInstance.performance_insights_enabled = property(
    lambda self: getattr(self, "enable_performance_insights", False))
# Moto keeps it under another name when a cluster is modified.
DBCluster.iam_database_authentication_enabled = property(
    lambda self: bool(getattr(self, "enable_iam_database_authentication", self.iam_auth)))
# Moto describes an empty one for every cluster.
scaling = DBCluster.scaling_configuration_info.fget
DBCluster.scaling_configuration_info = property(lambda self: scaling(self) if self.scaling_configuration else None)
SecurityGroupRule.description = property(
    lambda self: (self.prefix_list | self.source_group | self.ip_range).get("Description"))
# Moto adds up the memory of the containers of a task, which on Fargate need not have any.
EC2ContainerServiceBackend._calculate_task_resource_requirements = staticmethod(lambda definition: {})
# The provider compares the text, in which AWS has no spaces.
attributes = Queue.attributes.fget
Queue.attributes = property(lambda self: attributes(self) | (
    {"RedrivePolicy": json.dumps(self.redrive_policy, separators=(",", ":"))} if self.redrive_policy else {}))
# Moto does not know the condition on which a bucket's policy denies clear text, and would deny everything.
FakeBucket.get_permission = lambda self, action, resource: PermissionResult.NEUTRAL


# EC2: a client repeats a request whose answer it has missed. Moto fails to delete an endpoint's routes once more.


@around(VPCBackend, "delete_vpc_endpoints")
def delete_once(self, delete, vpce_ids):
    delete(self, [name for name in vpce_ids if getattr(self.vpc_end_points.get(name), "state", "") != "deleted"])


# The account is that of the access key, and each request is held against AWS's model of it.


@around(BaseResponse, "get_current_account")
def account_of_key(self, get):
    key = re.fullmatch("EMULATOR([0-9]{12})", self.get_access_key())
    return key[1] if key else get(self)


@around(BaseResponse, "setup_class")
def prepare_and_note(self, prepare, request, *arguments, **settings):
    try:
        prepare(self, request, *arguments, **settings)
    finally:  # the request is answered as before, whatever is found
        models.note(self, request)


# The page /moto-api/tap/given makes what a stack names and does not make: of these services, where its JSON says so.
NAMED = {
    "hosted zone": ("route53", r'"zone_id": "(Z\w+)"'),
    "certificate": ("acm", r'"certificate_arn": "(arn:[^"]+)"'),
    "secret": ("secretsmanager", r"(arn:[\w-]+:secretsmanager:[\w-]+:\d+:secret:[\w/+=.@-]+-\w{6})\b"),
    "subnet": ("ec2", r'"id": "(subnet-\w+)"'),
    "address": ("ec2", r'"allocation_id": "(eipalloc-\w+)"'),
    "cluster": ("rds", r'"source_cluster_identifier": "([^"]+)"'),
    "cluster snapshot": ("rds", r'"snapshot_identifier": "([^"]+)"'),
    "states' bucket": ("s3", r'"bucket": "([^"]+)",\s+"encrypt": true,\s+"key": "account/'),
}


def make(kind, backend, name, region, found):
    """Makes one thing, and says whether it was not there."""
    match kind:
        case "hosted zone" if name not in backend.zones:
            with patch.object(HostedZoneIdentifier, "generate", return_value=name):
                backend.create_hosted_zone(found(r'"domain_name": "[^".]+\.([^"]+)"') + ".", private_zone=False)
        case "certificate" if name not in backend._certificates:
            with patch("moto.acm.models.make_arn_for_certificate", return_value=name):
                backend.request_certificate("given.example", None, [], [])
        case "secret" if name not in backend.secrets:
            with patch.object(SecretsManagerSecretIdentifier, "generate", return_value=name):
                backend.create_secret(name.split(":")[6][:-7], "{}", None, None, None, None, None, [], False)
        case "subnet" if name not in [subnet.id for subnet in backend.describe_subnets()]:
            vpcs = [vpc for vpc in backend.vpcs.values() if vpc.cidr_block == "10.255.0.0/16"]
            vpc = vpcs[0] if vpcs else backend.create_vpc("10.255.0.0/16")
            number = sum(subnet.vpc_id == vpc.id for subnet in backend.describe_subnets())
            zone = backend.describe_availability_zones()[number % 2].name
            with patch("moto.ec2.models.subnets.random_subnet_id", return_value=name):
                subnet = backend.create_subnet(vpc.id, f"10.255.{number}.0/24", availability_zone=zone)
            subnet.map_public_ip_on_launch = False
        case "address" if name not in [address.allocation_id for address in backend.addresses]:
            given = backend.allocate_address("vpc")
            given.allocation_id = given.id = name
        case "cluster" | "cluster snapshot" if name not in [*backend.clusters, *backend.cluster_snapshots]:
            backend.create_db_cluster({
                "db_cluster_identifier": name, "engine": "aurora-postgresql", "storage_encrypted": True,
                "database_name": "given", "engine_version": found(r'"family": "aurora-postgresql(\d+)"') + ".10",
                "master_username": found(r'"master_username": "(\w+)"'), "master_user_password": "somebody-elses"})
            if kind == "cluster snapshot":
                backend.create_db_cluster_snapshot(name, name)
                del backend.clusters[name]
        case "states' bucket" if name not in backend.buckets:
            backend.create_bucket(name, region)
        case _:
            return False
    return True


def give(stack):
    """Makes all that a stack names, and returns what was not there."""

    def found(pattern, otherwise=None):
        match = re.search(pattern, stack)
        return match[1] if match else otherwise

    made = []
    region, account = found(r'"region": "([\w-]+)"'), found(r'"allowed_account_ids": \[\s*"(\d+)"', DEFAULT_ACCOUNT_ID)
    for kind, (service, pattern) in NAMED.items():
        backend = get_backend(service)[account][get_partition(region) if service in ("route53", "s3") else region]
        made += [f"{kind} {name}" for name in dict.fromkeys(re.findall(pattern, stack))
                 if make(kind, backend, name, region, found)]
    return made


def exit_with_standard_input():
    """Ends this process when whoever holds the other end of standard input is gone, however it ended."""
    while os.read(sys.stdin.fileno(), 4096):
        pass
    os._exit(0)


def refuse_strangers(application):
    """Lets through only what is addressed to this host and port, does not come from another site's page and is not
    about moto itself."""

    def guard(environ, start_response):
        own = f"{environ['SERVER_NAME']}:{environ['SERVER_PORT']}"
        if (environ.get("HTTP_HOST") == own
                and not environ["PATH_INFO"].startswith(("/moto-api/config", "/moto-api/recorder"))
                and environ.get("HTTP_ORIGIN", f"http://{own}") == f"http://{own}"
                and environ.get("HTTP_SEC_FETCH_SITE", "none") in ("none", "same-origin")):
            return application(environ, start_response)
        start_response("403 Forbidden", [("Content-Type", "text/plain")])
        return [f"Only requests to http://{own} that no other site's page has made are answered, "
                "and none to /moto-api/config or /moto-api/recorder.\n".encode()]

    return guard


def main():
    for name, answer in (("given", give), ("calls", models.summary)):
        administration.url_paths[f"{{0}}/moto-api/tap/{name}"] = lambda request, full_url, headers, answer=answer: (
            200, {"Content-Type": "application/json"}, json.dumps(answer(request.get_data(as_text=True))))
    if "--exit-with-stdin" in sys.argv:
        threading.Thread(target=exit_with_standard_input, daemon=True).start()
    server = make_server("127.0.0.1", 0, refuse_strangers(DomainDispatcherApplication(create_backend_app)),
                         threaded=True, request_handler=MotoRequestHandler)
    print(json.dumps({"pid": os.getpid(), "port": server.port, "version": sys.argv[1]}), flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
