# What a person types here. "make help" lists it.

GO  ?= go
BIN := $(CURDIR)/bin

.DEFAULT_GOAL := help
.PHONY: help build images demo test test-images e2e e2e-direct kind bench fuzz lint clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## /{printf "make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)
	@echo
	@echo "VPP=/path/to/vpp names the VPP that demo, test, e2e, e2e-direct and bench run on beside (demo, e2e: instead of)"
	@echo "the simulator; left out, a vpp in PATH is taken."

build: ## build the programs into bin/, or, with PLATFORM=linux/arm64 say, into bin/linux/arm64/
ifdef PLATFORM
	CGO_ENABLED=0 GOOS=$(firstword $(subst /, ,$(PLATFORM))) GOARCH=$(lastword $(subst /, ,$(PLATFORM))) \
		$(GO) build -trimpath -o $(BIN)/$(PLATFORM)/ ./cmd/...
else
	CGO_ENABLED=0 $(GO) build -trimpath -o $(BIN)/ ./cmd/...
endif

images: ## build the images of docker/ by docker or podman (IMAGES=, TAG=, PLATFORM=: see docker/README.md)
	@GO="$(GO)" MAKE="$(MAKE)" IMAGES="$(IMAGES)" TAG="$(TAG)" PLATFORM="$(PLATFORM)" REGISTRY="$(REGISTRY)" \
		VPP_RELEASE="$(VPP_RELEASE)" BUILDER="$(BUILDER)" BUILD_FLAGS="$(BUILD_FLAGS)" ./docker/build

demo: build ## two pods with two networks each ping one another, before your eyes
	@$(GO) build -o $(BIN)/ github.com/containernetworking/plugins/plugins/ipam/host-local ./test/demo
	@USERSPACE_CNI_BIN=$(BIN) $(BIN)/demo

test: ## run all tests, on the simulator and on a VPP where there is one
	@GO="$(GO)" ./test/run

# What a node has besides ours.
NODE_PLUGINS := $(addprefix github.com/containernetworking/plugins/plugins/,ipam/host-local main/bridge main/loopback)

e2e: build ## try it on a real Kubernetes of one node, in namespaces of its own (root; E2E=-run=NAME: some tests)
	@CGO_ENABLED=0 $(GO) build -trimpath -o $(BIN)/ $(NODE_PLUGINS)
	@cd test/readers && CGO_ENABLED=0 $(GO) build -trimpath -o $(BIN)/ ./app-netutil
	@GO="$(GO)" USERSPACE_CNI_BIN=$(BIN) ./test/e2e/run $(E2E)

e2e-direct: build ## try it with a real API server and Multus alone, in seconds (root; where it can't run, it says so)
	@CGO_ENABLED=0 $(GO) build -trimpath -o $(BIN)/ $(NODE_PLUGINS)
	@GO="$(GO)" USERSPACE_CNI_BIN=$(BIN) ./test/e2e/run-direct

kind: ## try the installation on a cluster of kind (docker, kind, kubectl; KEEP=1 keeps the cluster)
	@./test/e2e/kind

test-images: ## build images by buildah on a base of Debian's packages, and try what is in them (root)
	@CGO_ENABLED=0 $(GO) build -trimpath -o $(BIN)/ github.com/containernetworking/plugins/plugins/ipam/host-local
	@GO="$(GO)" USERSPACE_CNI_BIN=$(BIN) ./test/images/run $(RUN)

bench: build ## how fast and how large it is, each figure beside its target
	@CGO_ENABLED=0 $(GO) build -trimpath -o $(BIN)/ github.com/containernetworking/plugins/plugins/ipam/host-local \
		github.com/containernetworking/plugins/plugins/main/bridge ./test/bench ./test/bench/bare ./test/bench/empty
	@USERSPACE_CNI_BIN=$(BIN) $(BIN)/bench

FUZZTIME ?= 1m

fuzz: ## run each fuzz target for FUZZTIME, a minute by default
	@GO="$(GO)" FUZZTIME="$(FUZZTIME)" ./test/fuzz

lint: ## check formatting, vet and the linters of .golangci.yml
	@GO="$(GO)" ./test/lint

clean: ## remove what was built
	rm -rf $(BIN)
