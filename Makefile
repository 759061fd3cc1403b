# make figures [SCALE=paper] [ONLY=02] · make test · make lab · make readme · make lock · make clean

PYTHON ?= python3
SCALE ?= quick
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready

.PHONY: figures test lab readme lock clean

figures: $(READY)
	$(BIN)/python -m crossmem.reproduce --scale $(SCALE) $(if $(ONLY),--only $(ONLY))

test: $(READY)
	$(BIN)/python -m pytest

lab: $(READY)
	$(BIN)/jupyter lab notebooks

readme: $(READY)
	$(BIN)/python -m crossmem.reproduce --readme

# The environment, from the recorded versions; made once and again when they change.
$(READY): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit("error: Python %d.%d is too old, 3.11 or newer is needed: \
	name one with make PYTHON=/path/to/python3" % sys.version_info[:2] \
	if sys.version_info < (3, 11) else 0)'
	$(PYTHON) -m venv --clear $(VENV)
	$(BIN)/python -m pip install --quiet --requirement requirements.lock
	$(BIN)/python -m pip install --quiet --no-deps --editable .
	@touch $@

# Record today's newest versions that fit pyproject.toml.
lock:
	$(PYTHON) -m venv --clear $(VENV)-lock
	$(VENV)-lock/bin/python -m pip install --quiet '.[cluster]'
	$(VENV)-lock/bin/python -m pip freeze --exclude crossmem > requirements.tmp
	mv requirements.tmp requirements.lock
	rm -rf $(VENV)-lock

# Finished grid points stay; remove .cache to drop them too.
clean:
	rm -rf $(VENV) $(VENV)-lock build figures/quick figures/paper/executed lib/*.egg-info
