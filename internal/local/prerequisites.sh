#!/bin/sh
# Says in one message which tools are missing or too old, and whether the AWS provider can be had. It is a shell script
# because Go itself may be missing. The oldest versions that work are read from where they are declared.
#
# usage: prerequisites.sh [CHECK ...]     CHECK: go, node, npm, terraform, python, provider; all of them by default
set -eu
cd "$(dirname "$0")/../.."
export CHECKPOINT_DISABLE=1           # terraform version asks nobody for a newer one
unset TF_CLI_ARGS TF_CLI_ARGS_version # and takes no options that are for other commands

missing= # the message

# need NAME FILE PATTERN WHERE COMMAND... adds to the message unless what the command prints has a version that is at
# least the one that the pattern's group matches in the file.
need() {
	name=$1 wanted=$(sed -n "s/^$3.*/\1/p" "$2") where=$4
	shift 4
	found=$("$@" 2>/dev/null | awk -v wanted="$wanted" '
		/^(go version|Terraform|OpenTofu|Python|v?[0-9])/ && match($0, /[0-9]+\.[0-9.]+/) {
			found = substr($0, RSTART, RLENGTH); exit
		}
		END {
			print found
			split(found, have, "."); split(wanted, want, ".")
			exit !(wanted && have[1] * 1000 + have[2] >= want[1] * 1000 + want[2])
		}') && return
	missing="$missing
  $name $wanted or newer: \`$*\` gives ${found:-no version}; see $where"
}

# has TOOL reports whether a tool that a check runs is not in the message.
has() { case $missing in *"  $1 "*) false ;; esac }

[ $# -gt 0 ] || set -- go node npm terraform python provider
for check in "$@"; do
	case $check in
	go)
		go version >/dev/null 2>&1 || export GOTOOLCHAIN=local # where the version of go.mod cannot be downloaded
		need Go go.mod 'go \([0-9.]*\)' https://go.dev/dl/ go version ;;
	node)
		need Node.js package.json ' *"node": ">=\([0-9.]*\)' https://nodejs.org/ node --version ;;
	npm)
		need npm package.json ' *"npm": ">=\([0-9.]*\)' "https://nodejs.org/ (with Node.js)" npm --version ;;
	terraform)
		need Terraform constructs/versions/versions.go '.*Terraform = ">= \([0-9.]*\)' \
			"https://developer.hashicorp.com/terraform/install (OpenTofu: export TERRAFORM_BINARY_NAME=tofu)" \
			"${TERRAFORM_BINARY_NAME:-terraform}" version ;;
	python)
		need Python internal/emulator/requirements.in '.*--python-version \([0-9.]*\)' \
			https://www.python.org/downloads/ python3 --version
		! has Python || python3 -c 'import venv, ensurepip' >/dev/null 2>&1 || missing="$missing
  Python's venv: \`import venv, ensurepip\` fails; on Debian and Ubuntu install the package python3-venv" ;;
	provider)
		[ -d .local/provider ] || echo "Looking for the AWS provider, which Terraform may have to download"
		! has Go || ! has Terraform || said=$({
			go build -o .local/bin/local ./internal/local && .local/bin/local provider true
		} 2>&1) || missing="$missing
  $said" ;;
	*) echo "prerequisites.sh: no check is named $check" >&2 && exit 2 ;;
	esac
done
[ -z "$missing" ] || { printf 'Missing or too old:%s\n' "$missing" >&2 && exit 1; }
