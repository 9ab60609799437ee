# The commands that people type; `make` alone lists them. GNU make 3.81 and newer.

# A workspace above the checkout knows nothing of this module.
export GOWORK ?= off

# Where the home folder cannot be written, as in many containers, what tools keep there is kept here.
ifneq ($(shell test -w "$$HOME" && echo writable),writable)
export XDG_CACHE_HOME ?= $(CURDIR)/.local/cache
export GOMODCACHE ?= $(XDG_CACHE_HOME)/modules
export GOFLAGS := $(GOFLAGS) -modcacherw
export npm_config_cache ?= $(XDG_CACHE_HOME)/npm
export JSII_RUNTIME_PACKAGE_CACHE_ROOT ?= $(XDG_CACHE_HOME)/jsii
export CDKTF_DISABLE_PLUGIN_CACHE_ENV ?= true
endif

# Pinned: a newer one may find more, and must not do so by surprise.
STATICCHECK = go run honnef.co/go/tools/cmd/staticcheck@v0.8.2
ACTIONLINT = go run github.com/rhysd/actionlint/cmd/actionlint@v1.7.12
GOTESTSUM = go run gotest.tools/gotestsum@v1.13.0

# npm may bring Go packages of its own.
PACKAGES = $$(go list ./... | grep -v /node_modules/)

# Built first and then run in place of the shell, so that an interrupt reaches it.
BUILD = go build -o .local/bin/
EMULATOR = $(BUILD) ./internal/local && exec .local/bin/local

# What the tests need to be installed.
TOOLS = node_modules/.package-lock.json .local/venv/.installed

# Shows each test as it ends. With CI=true a test that is skipped fails the run. The deployments, which mostly wait,
# begin first, beside as many packages as there are processors.
TEST = go build -o .local/bin/local ./internal/local && \
	TAP_TOOLS=1 .local/bin/local provider $(GOTESTSUM) --format testname --format-hide-empty-pkg --post-run-command \
	'sh -c "test \"$$CI\" != true || test $$TESTS_SKIPPED = 0 || { echo in CI no test may be skipped; exit 1; }"' \
	-- -count=1 -p $$(($$(getconf _NPROCESSORS_ONLN) + 1)) ./tests/deploy $(PACKAGES)

# Lines over 120 characters, but for addresses and what a long name of the bindings fills.
LONG_LINES = git ls-files '*.go' '*.js' '*.py' '*.sh' Makefile .ci/run | grep -v ^generated/ | xargs awk '\
	length > 120 && !/:\/\// && !/[A-Za-z0-9]{40}|[a-z]\.[A-Z][A-Za-z0-9]+\{+$$/ { \
		print FILENAME ":" FNR ": " length " characters, at most 120"; failed = 1 \
	} \
	END { exit failed }'

# Today is compared with the day in each row.
SUPPORT = awk -v today="$$(date +%F)" 'BEGIN { FS = " \\| "; OFS = " | " } \
	/^\|/ { if ($$3 ~ /^20/ && $$3 < today) $$3 = $$3 " (ended)"; print }' docs/tools.md

.DEFAULT_GOAL := help
.PHONY: help local local-status local-destroy check synth plan deploy destroy lock release test test-long test-all \
	golden lint support scan bench provider clean tools named

help: ## list these commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-15s %s\n", $$1, $$2 }' Makefile

local: tools-go-node-terraform-python-provider check .local/venv/.installed ## deploy tap-dev to an AWS emulator here
	@$(BUILD) . ./internal/plan && $(EMULATOR) up

local-status: tools-go-node ## say what is deployed on this machine, and whether the checkout differs
	@$(BUILD) . && $(EMULATOR) status

local-destroy: ## stop the emulator and forget what is deployed to it
	@$(EMULATOR) stop

check: tools-go ## say in a second what is wrong with the files of environments and accounts
	@go build -o .local/bin/check ./internal/check && .local/bin/check

# A program that is built keeps its exit status, unlike go run. The cdktf command, which starts the same program, would
# take four times as long.
SYNTH = $(BUILD) . && .local/bin/tap
PLAN = $(SYNTH) "$$STACK" && $(BUILD) ./internal/plan && .local/bin/plan

# With LOCAL=1 they do the same against an emulator on this machine.
ifeq ($(LOCAL),1)
PLAN = $(BUILD) . ./internal/plan ./internal/local && .local/bin/local plan
plan deploy destroy: .local/venv/.installed
endif

# A program gets the stack from its environment: no shell looks into what that contains.
named:
	@test -n "$$STACK" || { echo "name the stack, for example STACK=tap-dev" >&2; exit 1; }

synth: tools-go-node check ## write the Terraform JSON of every stack to cdktf.out
	$(SYNTH)

plan deploy destroy: named tools-go-node-terraform check

plan: ## say what a deployment of STACK would do
	$(PLAN) "$$STACK" || case $$? in 10 | 11 | 12) ;; *) exit 1 ;; esac

deploy: ## deploy STACK: the saved plan, or after a question
	$(PLAN) apply "$$STACK"

destroy: ## destroy STACK, after a question
	$(PLAN) apply -destroy "$$STACK"

# The platforms of people and of pipelines.
PLATFORMS = linux_amd64 linux_arm64 darwin_amd64 darwin_arm64

lock: tools-go-node-terraform ## write terraform.lock.hcl: the provider that may run
	export ENVIRONMENT_SUFFIX=dev && rm -f terraform.lock.hcl && $(SYNTH)
	cd cdktf.out/stacks/tap-dev && rm -f .terraform.lock.hcl && \
		$${TERRAFORM_BINARY_NAME:-terraform} providers lock $(addprefix -platform=,$(PLATFORMS))
	cp cdktf.out/stacks/tap-dev/.terraform.lock.hcl terraform.lock.hcl

release: named tools-go-node ## change the image of STACK to IMAGE, by digest, in its environment file
	go run ./internal/release "$$STACK" "$$IMAGE"
	@$(MAKE) golden

test: tools $(TOOLS) ## test everything that is quick, and one deployment to the emulator
	@$(TEST) -skip ^TestLong -timeout 10m

test-long: tools $(TOOLS) ## test the rest, with many deployments
	@$(TEST) -run ^TestLong -timeout 40m

test-all: test test-long ## both

# Takes the place of what is kept once all of it is complete.
GOLDEN = .local/golden

golden: tools-go-node check ## write goldens and all of generated/ anew, to be reviewed like code
	@rm -rf $(GOLDEN) && mkdir -p $(GOLDEN)/tests/golden $(GOLDEN)/generated
	go test ./tests -run GoldenSays -update "$(CURDIR)/$(GOLDEN)"
	go run ./tests/scan -waivers $(GOLDEN)
	go run ./internal/generate $(GOLDEN)
	@rm -rf tests/golden generated && mv $(GOLDEN)/tests/golden tests && mv $(GOLDEN)/generated .

lint: tools-go ## gofmt, go vet, staticcheck, actionlint, and lines of at most 120 columns
	@unformatted=$$(git ls-files -z --cached --others --exclude-standard '*.go' | xargs -0 gofmt -l) && \
		if [ -n "$$unformatted" ]; then echo "not as gofmt writes it:"; echo "$$unformatted"; exit 1; fi
	@$(LONG_LINES)
	go vet $(PACKAGES)
	$(STATICCHECK) $(PACKAGES)
	$(ACTIONLINT)
	@$(SUPPORT)

support: ## say until when the tools are supported
	@$(SUPPORT)

scan: .local/scan/.installed ## check every stack with checkov, against the waivers
	go run ./tests/scan

bench: $(TOOLS) local ## measure make synth and plan beside the cdktf command, and the fast kernel beside the stock one
	go test ./internal/local -run '^$$' -bench . -benchtime 5x

provider: tools-go ## say where Terraform gets the AWS provider from, and how to deploy to AWS with that
	@$(EMULATOR) provider

clean: ## stop the emulator and remove what the commands have made (never a state of AWS)
	@$(EMULATOR) stop
	rm -rf .local cdktf.out cdktf.log

# All that is missing, at once, before anything is installed: of every tool, or of those that the target names.
tools:
	@internal/local/prerequisites.sh
tools-%:
	@internal/local/prerequisites.sh $(subst -, ,$*)

# $(call install,WHAT,COMMANDS): the target is touched last, so that half an installation is never taken for whole.
define install
	@mkdir -p .local && echo "Installing $(1); log: .local/$(notdir $(@D)).log"
	@{ $(2) && touch $@; } >.local/$(notdir $(@D)).log 2>&1 || { tail -n 20 .local/$(notdir $(@D)).log >&2; \
		echo "Installing $(1) failed, as .local/$(notdir $(@D)).log says: mend that and run make again." >&2; exit 1; }
endef

# The lists are complete, so that pip resolves nothing and takes nothing else. PIP_USER=1 would send it elsewhere.
VENV = python3 -I -m venv --clear $(@D) && PIP_USER=0 $(@D)/bin/python -I -m pip install --no-deps --require-hashes \
	--no-compile --no-input --disable-pip-version-check -r $<

node_modules/.package-lock.json: package.json package-lock.json | tools
	$(call install,the cdktf command line,npm ci --include=dev --no-audit --no-fund)
.local/venv/.installed: internal/emulator/requirements.txt | tools-python
	$(call install,the AWS emulator,$(VENV))
.local/scan/.installed: tests/scan/requirements.txt | tools-go-node-python
	$(call install,checkov,$(VENV))
