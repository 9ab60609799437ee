#!/bin/sh
# Checks that the tools this project needs are installed and new enough, and says all that is
# missing in one message. It is a shell script because Go itself may be what is missing.
#
# usage: prerequisites.sh [TOOL ...]     TOOL: go, node, terraform, python; all of them by default

# The oldest versions that work.
wanted_go=1.24        # go.mod
wanted_node=20.9      # cdktf 0.21
wanted_npm=7          # package-lock.json is of lock file version 3
wanted_terraform=1.11 # write-only arguments, which keep the password out of the state
wanted_python=3.10    # moto 5.2

missing=""

# need NAME WANTED FOUND WHERE adds a line to the message unless FOUND is at least WANTED.
need() {
	if [ -z "$3" ]; then
		found="not found"
	elif at_least "$3" "$2"; then
		return
	else
		found="found $3"
	fi
	missing="$missing$(printf '  %-26s %-16s %s' "$1 $2 or newer" "$found" "$4")
"
}

# at_least FOUND WANTED compares the first two numbers of two versions.
at_least() {
	found_major=${1%%.*}
	found_rest=${1#*.}
	found_minor=${found_rest%%.*}
	wanted_major=${2%%.*}
	case $2 in
	*.*) wanted_minor=${2#*.} ;;
	*) wanted_minor=0 ;;
	esac
	[ "$found_major" -gt "$wanted_major" ] ||
		{ [ "$found_major" -eq "$wanted_major" ] && [ "$found_minor" -ge "$wanted_minor" ]; }
}

# version takes the first line of standard input that holds a version, and prints its numbers.
version() {
	sed -n 's/^[^0-9]*\([0-9][0-9]*\.[0-9][0-9]*[.0-9]*\).*/\1/p' | sed -n 1p
}

check_go() {
	# Go may download the version that go.mod asks for; where it cannot, its own version counts.
	found=$({ go version || GOTOOLCHAIN=local go version; } 2>/dev/null | version)
	need Go "$wanted_go" "$found" https://go.dev/dl/
}

check_node() {
	need Node.js "$wanted_node" "$(node --version 2>/dev/null | version)" https://nodejs.org/
	need npm "$wanted_npm" "$(npm --version 2>/dev/null | version)" "comes with Node.js"
}

check_terraform() {
	# The cdktf command line runs this program instead of terraform when the variable is set.
	terraform=${TERRAFORM_BINARY_NAME:-terraform}
	found=$(CHECKPOINT_DISABLE=1 "$terraform" version 2>/dev/null | sed -n -e '/^Terraform v/p' -e '/^OpenTofu v/p' | version)
	need "$terraform" "$wanted_terraform" "$found" \
		"https://developer.hashicorp.com/terraform/install (or OpenTofu, with TERRAFORM_BINARY_NAME=tofu)"
}

check_python() {
	found=$(python3 --version 2>/dev/null | version)
	need python3 "$wanted_python" "$found" https://www.python.org/downloads/
	# Debian and Ubuntu ship these apart from Python.
	if [ -n "$found" ] && ! python3 -c 'import venv, ensurepip' >/dev/null 2>&1; then
		missing="$missing$(printf '  %-26s %-16s %s' "python3's venv and pip" "not found" \
			"Debian and Ubuntu: the package python3-venv")
"
	fi
}

[ $# -gt 0 ] || set -- go node terraform python
for tool in "$@"; do
	case $tool in
	go | node | terraform | python) "check_$tool" ;;
	*)
		echo "prerequisites.sh: unknown tool \"$tool\", expected go, node, terraform or python" >&2
		exit 2
		;;
	esac
done

if [ -n "$missing" ]; then
	printf 'Missing or too old:\n%s' "$missing" >&2
	exit 1
fi
