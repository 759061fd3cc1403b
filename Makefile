# make figures [SCALE=paper] [ONLY=02] · make test · make lab
# make render [ONLY=02] · make verify [ONLY=02] · make claims · make book · make course [ONLY=1] · make slides
# make explorer · make format · make lock · make clean

PYTHON ?= python3
SCALE ?= quick
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready

.PHONY: figures test lab render verify claims book course slides explorer format lock clean

# An environment knows the folder where it was made: in a copy, or after a move, it is made anew.
ifneq ($(shell cat $(READY) 2> /dev/null),$(CURDIR))
.PHONY: $(READY)
endif

figures: $(READY)
	$(BIN)/python -m crossmem.reproduce --scale $(SCALE) $(if $(ONLY),--only $(ONLY))

test: $(READY)
	$(BIN)/python -m pytest --numprocesses 2 --dist loadfile tests
	$(BIN)/python -m pytest notebooks tests/paper/test_quick_results.py

lab: $(READY)
	$(BIN)/jupyter lab

# The outputs of the notebooks, from the datasets of the paper scale.
render: $(READY)
	$(BIN)/python -m crossmem.reproduce --render $(if $(ONLY),--only $(ONLY))

# A sample of every dataset of the paper scale, computed anew and compared with the committed one.
verify: $(READY)
	$(BIN)/python -m crossmem.reproduce --verify $(if $(ONLY),--only $(ONLY))

# The tables of claims in figures/paper and in README.md.
claims: $(READY)
	$(BIN)/python -m crossmem.reproduce --claims

# The static site, in build/book; REPOSITORY=https://... adds launch links.
book: $(READY)
	$(BIN)/python -m pip install --quiet --requirement book/requirements.txt
	CROSSMEM_REPOSITORY=$(REPOSITORY) $(BIN)/python book/build.py

# The student's and the instructor's version of each session, from its source.
course: $(READY)
	$(BIN)/python course/build.py $(if $(ONLY),--only $(ONLY))

# One slide show per session. OFFLINE=1 takes reveal.js and MathJax from beside them, see course/guide.md.
slides: $(READY)
	$(BIN)/python course/build.py --slides $(if $(OFFLINE),--offline)

# The explorer as a page, without code.
explorer: $(READY)
	$(BIN)/voila notebooks/explorer.ipynb

format: $(READY)
	$(BIN)/python -m pip install --quiet ruff==0.17.6
	$(BIN)/python -m ruff format lib tests notebooks course
	$(BIN)/python -m ruff check --fix lib tests notebooks course

# The environment, from the recorded versions; made once, and again when they or the place change.
$(READY): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit("error: Python %d.%d is too old, 3.11 or newer is needed: \
	name one with make PYTHON=/path/to/python3" % sys.version_info[:2] \
	if sys.version_info < (3, 11) else 0)'
	$(PYTHON) -m venv --clear $(VENV)
	$(BIN)/python -m pip install --quiet --requirement requirements.lock
	$(BIN)/python -m pip install --quiet --no-deps --editable .
	@pwd -P > $@

# Record today's newest versions that fit pyproject.toml.
lock:
	$(PYTHON) -m venv --clear $(VENV)-lock
	$(VENV)-lock/bin/python -m pip install --quiet '.[cluster,explorer]'
	$(VENV)-lock/bin/python -m pip freeze --exclude crossmem > requirements.tmp
	mv requirements.tmp requirements.lock
	rm -rf $(VENV)-lock

# Finished grid points stay; remove .cache to drop them too.
clean:
	rm -rf $(VENV) $(VENV)-lock build figures/quick figures/paper/executed lib/*.egg-info
