# SPDX-License-Identifier: Apache-2.0
# `make` lists the targets. Targets that need .venv create it first; with an existing .venv this is quick.

PYTHON ?= python3
DATA ?= ../shared/data
VENV := .venv/bin

.DEFAULT_GOAL := help
.PHONY: help setup setup-train demo adapt-demo flight scenarios test bench soak distros lint parameters figures docs clean

help:  ## list the targets
	@echo "geoloc: position from a camera and a satellite map. Start with 'make demo'."
	@echo
	@sed -n 's/^\([a-z-]*\):.*  ## /\1\t/p' Makefile | expand -t 14

setup:  ## create .venv with ROS 2 and the tools to fly, measure and simulate, without torch
	@$(PYTHON) tools/setup_venv.py

setup-train:  ## create .venv as above, plus the tools to train (torch, 5 GB more)
	@$(PYTHON) tools/setup_venv.py --train

demo: setup  ## localize a simulated flight with the real nodes: a table in metres and a report
	@$(VENV)/geoloc demo

flight: setup  ## localize real flights: make flight DATA=folder
	@$(VENV)/geoloc flight $(DATA)

scenarios: setup  ## compare hard simulated flights with targets; half of them use imagery in DATA
	@$(VENV)/geoloc simulate scenarios --data $(DATA)

adapt-demo: setup-train  ## adapt an encoder to an unseen procedural region: errors before and after
	@$(VENV)/python tools/adapt_demo.py

test: setup-train lint  ## run ruff, mypy and all tests
	@$(VENV)/python -m pytest

bench: setup  ## measure speed and memory, as ratios within one run; also runs/bench.json
	@$(VENV)/python tools/bench/bench.py

distros: setup  ## run doctor, tests and a flight on the package versions of Debian 12 and Ubuntu 24.04
	@$(VENV)/python tools/distros/distros.py

soak: setup  ## end, kill and pause the nodes in flight: do the fixes return? also runs/soak.json
	@$(VENV)/python tools/soak/soak.py

lint: setup  ## run ruff and mypy alone
	@$(VENV)/ruff check .
	@$(VENV)/ruff format --check .
	@$(VENV)/mypy

parameters: setup  ## write docs/parameters.md from the settings' declarations
	@$(VENV)/python -m geoloc_lab.parameter_page docs/parameters.md

figures: setup  ## collect what the commands above measured: docs/figures.json, its page, every quote
	@$(VENV)/python tools/figures/figures.py

docs: setup  ## build docs/ as a site in site/, offline; a warning is an error
	@$(VENV)/sphinx-build -W --keep-going -q docs site && echo "site/index.html"

clean:  ## remove .venv, build products and caches
	rm -rf .venv build install log site .pytest_cache .mypy_cache .ruff_cache .hypothesis
