# The commands that people type; `make` alone lists them. GNU make 3.81 and newer.

# Pinned: a newer one may find more, and must not do so by surprise.
STATICCHECK = honnef.co/go/tools/cmd/staticcheck@v0.8.2

# npm may bring Go packages of its own.
PACKAGES = $$(go list ./... | grep -v /node_modules/)

# Built first and then run in place of the shell, so that an interrupt reaches it.
LOCAL = go build -o .local/bin/local ./internal/local && exec .local/bin/local

.DEFAULT_GOAL := help
.PHONY: help local local-status local-destroy test golden lint generate scan clean

help: ## list these commands
	@sed -n 's/^\([a-z-]*\):.*## /\1	/p' Makefile | while IFS='	' read -r name text; do printf '  make %-15s %s\n' "$$name" "$$text"; done

local: ## deploy the environment dev to an AWS emulator on this machine, or what has changed
	@internal/local/prerequisites.sh
	@$(LOCAL) up

local-status: ## say what runs on this machine and what it holds
	@internal/local/prerequisites.sh go
	@$(LOCAL) status

local-destroy: ## destroy what runs on this machine and stop the emulator
	@internal/local/prerequisites.sh
	@$(LOCAL) destroy

test: ## prove the system: unit tests, goldens, properties, deployments to the emulator
	@internal/local/prerequisites.sh
	@go build -o .local/bin/local ./internal/local && .local/bin/local prepare
	go test -timeout 30m $(PACKAGES)

golden: ## write the goldens of the tests anew, to be reviewed like code
	@internal/local/prerequisites.sh go node
	go test ./tests -run GoldenSays -update

lint: ## gofmt, go vet, staticcheck
	@internal/local/prerequisites.sh go
	@unformatted=$$(git ls-files -z --cached --others --exclude-standard '*.go' | xargs -0 gofmt -l) && \
		if [ -n "$$unformatted" ]; then echo "not as gofmt writes it:"; echo "$$unformatted"; exit 1; fi
	go vet $(PACKAGES)
	go run $(STATICCHECK) $(PACKAGES)

generate: ## write everything in generated/ anew
	@internal/local/prerequisites.sh go
	go generate $(PACKAGES)

scan: .local/scan/.installed ## check every stack with checkov, against the waivers
	@internal/local/prerequisites.sh go node
	go run ./tests/scan

# Touched last, so that an interrupted installation is not taken for a whole one. PIP_USER=1 would send it elsewhere.
.local/scan/.installed: tests/scan/requirements.txt
	@internal/local/prerequisites.sh python
	@echo "installing checkov into .local/scan; log: .local/scan-install.log"
	@mkdir -p .local
	@{ python3 -I -m venv --clear .local/scan && \
		PIP_USER=0 .local/scan/bin/python -I -m pip install --no-deps --require-hashes --no-compile --no-input \
		--disable-pip-version-check -r $<; } >.local/scan-install.log 2>&1 || { tail -n 20 .local/scan-install.log; exit 1; }
	@touch $@

clean: ## stop the emulator and remove what the commands have made (never a state of AWS)
	@internal/local/prerequisites.sh go
	@go run ./internal/local stop
	rm -rf .local cdktf.out cdktf.log
