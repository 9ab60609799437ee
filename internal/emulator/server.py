"""Starts moto's own server, which here also answers what the Terraform provider asks and moto does not know.

What moto lacks is added with lacked_by() and keeps(): an operation that a newer moto brings itself replaces it. What it
answers otherwise than AWS is mended with @around, where the provider would fail, wait for ever, or find a change and
set it again with every apply.

Moto trusts whoever can connect. Here pages of other sites are refused, and so is what makes this process write files
or send requests for any user of the machine: moto's recorder and configuration. It has no Docker client.

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
os.environ["MOTO_IAM_LOAD_MANAGED_POLICIES"] = "true"

from moto.applicationautoscaling.responses import ApplicationAutoScalingResponse
from moto.backends import get_backend
from moto.backup import urls as backup_urls
from moto.backup.responses import BackupResponse
from moto.core import DEFAULT_ACCOUNT_ID
from moto.core.responses import ActionResult, BaseResponse
from moto.core.utils import camelcase_to_underscores
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
from moto.s3.models import FakeBucket
from moto.sqs.models import Queue
from moto.sns.models import Subscription
from moto.sns.responses import SNSResponse
from moto.utilities.utils import get_partition
from moto.wafv2.models import FakeIPSet
from moto.wafv2.responses import WAFV2Response
from werkzeug.serving import make_server

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))  # python -I leaves it out
import models


def lacked_by(owner, **answers):
    """Gives a class of moto's the operations that it lacks, as functions that make an answer of the parameters."""
    for operation, answer in answers.items():
        def method(self, answer=answer):
            return ActionResult(answer(self, models.read_request(self)[0]) or {})

        if not hasattr(owner, operation):
            setattr(owner, operation, method)


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


def keeps(owner, name, put, get, delete):
    """Lets clients put, get and delete what a class of moto's lacks, by the parameter that names it."""

    def keep(self, given):
        kept(self)[get, given[name]] = given | {"SelectionId": given[name]}  # which is asked for with the name
        return kept(self)[get, given[name]]

    lacked_by(owner, **{put: keep, get: lambda self, given: kept(self).get((get, given[name])),
                        delete: lambda self, given: kept(self).pop((get, given[name]), None)})


# CloudWatch Logs: what is masked in a log group, which masks nothing.
keeps(LogsResponse, "logGroupIdentifier",
      "put_data_protection_policy", "get_data_protection_policy", "delete_data_protection_policy")

# AWS Backup: moto knows no change of a plan, no selection, no policy of a vault, makes no backup, and reads tags only
# where a path ends in a slash.
keeps(BackupResponse, "BackupVaultName",
      "put_backup_vault_access_policy", "get_backup_vault_access_policy", "delete_backup_vault_access_policy")
keeps(BackupResponse, "BackupPlanId", "create_backup_selection", "get_backup_selection", "delete_backup_selection")
lacked_by(BackupResponse,
          update_backup_plan=lambda self, given: vars(self.backup_backend.plans[given["BackupPlanId"]]).update(
              backup_plan=given["BackupPlan"]),
          list_recovery_points_by_backup_vault=lambda self, given: {"RecoveryPoints": []})
for path in ("access-policy", "recovery-points/?"):
    backup_urls.url_paths["{0}/backup-vaults/(?P<name>[^/]+)/" + path + "$"] = backup_urls.response.dispatch
BackupResponse.list_tags = lambda self: json.dumps({
    "Tags": self.backup_backend.list_tags(models.read_request(self)[0]["ResourceArn"])})


# Application Auto Scaling: the provider reads and writes the tags of scalable targets, which are kept by ARN.
def tags(self, arn):
    return kept(self).setdefault(arn, {})


lacked_by(ApplicationAutoScalingResponse,
          list_tags_for_resource=lambda self, given: {"Tags": tags(self, given["ResourceARN"])},
          tag_resource=lambda self, given: tags(self, given["ResourceARN"]).update(given["Tags"]),
          untag_resource=lambda self, given: [
              tags(self, given["ResourceARN"]).pop(key, None) for key in given["TagKeys"]] and {})


@around(ApplicationAutoScalingResponse, "register_scalable_target")
def register_with_tags(self, register):
    answer = register(self)
    tags(self, json.loads(answer)["ScalableTargetARN"]).update(self._get_param("Tags") or {})
    return answer


# WAF: moto forgets what a web ACL hides of the requests that it shows, which is kept by the web ACL's name.
@around(WAFV2Response, "create_web_acl", "update_web_acl", "get_web_acl")
def keep_hidden(self, call):
    status, headers, text = call(self)
    answer = json.loads(text)
    if "WebACL" in answer:
        answer["WebACL"]["DataProtectionConfig"] = kept(self).get(answer["WebACL"]["Name"])
    else:
        kept(self)[self._get_param("Name")] = self._get_param("DataProtectionConfig")
    return status, headers, json.dumps(answer)


# SNS: who is subscribed by e-mail has to confirm. Moto takes every subscription for confirmed, and has no tokens: here
# the address is the token.
Subscription.attributes = property(lambda self: self.told, lambda self, given: setattr(
    self, "told", given | {"PendingConfirmation": self.protocol == "email"}))


@around(SNSResponse, "confirm_subscription")
def confirm(self, answer):
    for subscription in self.backend.subscriptions.values():
        if subscription.endpoint == self._get_param("Token"):
            subscription.attributes["PendingConfirmation"] = False
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


def create_trust_store(self, given):
    place = f"elasticloadbalancing:{self.region}:{self.current_account}"
    arn = f"arn:{self.partition}:{place}:truststore/{given['Name']}/1"
    kept(self)[arn] = {"Name": given["Name"], "TrustStoreArn": arn, "Status": "ACTIVE"}
    self.elbv2_backend.tagging_service.tag_resource(arn, given.get("Tags", []))
    return {"TrustStores": [kept(self)[arn]]}


def users_of_trust_store(self, given):
    return {"TrustStoreAssociations": [
        {"ResourceArn": listener.arn} for balancer in self.elbv2_backend.load_balancers.values()
        for listener in balancer.listeners.values()
        if getattr(listener, "mutual_authentication", {}).get("TrustStoreArn") == given["TrustStoreArn"]]}


def delete_trust_store(self, given):
    if users_of_trust_store(self, given)["TrustStoreAssociations"]:
        raise ELBClientError("TrustStoreInUse", f"{given['TrustStoreArn']} is used by a listener.")
    del kept(self)[given["TrustStoreArn"]]


def revocations(self, given):
    """Answers with those that a client names, which are not kept, or names a new one."""
    return {"TrustStoreRevocations": [
        {"TrustStoreArn": given["TrustStoreArn"], "RevocationId": number}
        for number in given.get("RevocationIds") or [uuid.uuid4().int >> 97]]}


lacked_by(ELBV2Response,
          create_trust_store=create_trust_store,
          describe_trust_stores=lambda self, given: {
              "TrustStores": [kept(self)[arn] for arn in given.get("TrustStoreArns") or kept(self)]},
          modify_trust_store=lambda self, given: {"TrustStores": [kept(self)[given["TrustStoreArn"]]]},
          describe_trust_store_associations=users_of_trust_store,
          delete_trust_store=delete_trust_store,
          add_trust_store_revocations=revocations,
          describe_trust_store_revocations=revocations,
          remove_trust_store_revocations=lambda self, given: {})


# ECS: the provider waits for a steady service, so every deployment has already succeeded and every task runs. Moto
# lets every new service run the same number of tasks, that of an environment variable.
@around(Service, "__init__")
def run_at_once(self, initialize, *arguments, **settings):
    initialize(self, *arguments, **settings)
    self.running_count, self.pending_count = self.desired_count, 0
    for deployment in self.deployments:
        deployment.update(runningCount=self.desired_count, pendingCount=0, rolloutState="COMPLETED")


# RDS: a stack asks for the newest minor version of Aurora PostgreSQL; there are two, so that one is the newest.
lacked_by(RDSResponse, describe_db_engine_versions=lambda self, given: {"DBEngineVersions": [
    given | {"EngineVersion": re.sub(r"\D", "", given.get("DBParameterGroupFamily", "")) + minor, "Status": "available"}
    for minor in (".10", ".12")]})

# What clients set when they create something and moto forgets, or knows by another name when it answers.
FORGOTTEN = """EnablePerformanceInsights PerformanceInsightsKMSKeyId PerformanceInsightsRetentionPeriod
    DatabaseInsightsMode EngineLifecycleSupport availabilityZoneRebalancing enableExecuteCommand
    healthCheckGracePeriodSeconds""".split()


@around(RDSResponse, "create_db_cluster", "create_db_instance")
@around(EC2ContainerServiceResponse, "create_service")
def create_and_remember(self, create):
    """Answers with a new model, whose attributes are what describing it tells."""
    answer = create(self)
    for model in answer.result.values():
        for parameter in FORGOTTEN:
            if self._get_param(parameter) is not None:
                setattr(model, camelcase_to_underscores(parameter), self._get_param(parameter))
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
# A set of addresses has a whole UUID as its lock, of which moto gives six digits.
FakeIPSet.lock_token = property(lambda self: self.lock, lambda self, token: setattr(self, "lock", str(uuid.uuid4())))
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
        models.note(self)


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
            with patch("moto.route53.models.HostedZoneIdentifier.generate", return_value=name):
                backend.create_hosted_zone(found(r'"domain_name": "[^".]+\.([^"]+)"') + ".", private_zone=False)
        case "certificate" if name not in backend._certificates:
            with patch("moto.acm.models.make_arn_for_certificate", return_value=name):
                backend.request_certificate("given.example", None, [], [])
        case "secret" if name not in backend.secrets:
            with patch("moto.secretsmanager.models.SecretsManagerSecretIdentifier.generate", return_value=name):
                backend.create_secret(name.split(":")[6][:-7], "{}", None, None, None, None, None, [], False)
        case "subnet" if name not in [subnet.id for subnet in backend.describe_subnets()]:
            vpcs = {vpc.cidr_block: vpc for vpc in backend.vpcs.values()}
            vpc = vpcs.get("10.255.0.0/16") or backend.create_vpc("10.255.0.0/16")
            number = len(backend.describe_subnets(filters={"vpc-id": vpc.id}))
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
