# SPDX-License-Identifier: Apache-2.0
# `make` alone lists what there is. Every target makes .venv first, and quickly finds it there the next time.

PYTHON ?= python3
DATA ?= ../shared/data
VENV := .venv/bin

.DEFAULT_GOAL := help
.PHONY: help setup setup-train demo adapt-demo flight scenarios test bench lint parameters figures clean

help:  ## this list
	@echo "geoloc: position from a camera and a satellite map. Start with 'make demo'."
	@echo
	@sed -n 's/^\([a-z-]*\):.*  ## /\1\t/p' Makefile | expand -t 14

setup:  ## .venv with ROS 2 and all that flies, measures and simulates, no torch
	@$(PYTHON) tools/setup_venv.py

setup-train:  ## the same with what training needs (torch, 5 GB more)
	@$(PYTHON) tools/setup_venv.py --train

demo: setup  ## a simulated flight, localised by the real nodes: a table in metres and a report
	@$(VENV)/geoloc demo

flight: setup  ## the same with real flights: make flight DATA=folder
	@$(VENV)/geoloc flight $(DATA)

scenarios: setup  ## hard flights in simulation, held against targets; half of them over imagery in DATA
	@$(VENV)/geoloc simulate scenarios --data $(DATA)

adapt-demo: setup-train  ## an encoder adapts to a made region it has not seen: before and after, in metres
	@$(VENV)/python tools/adapt_demo.py

test: setup-train lint  ## ruff, mypy and pytest, all of it
	@$(VENV)/python -m pytest

bench: setup  ## speed and memory, as ratios within one run; also runs/bench.json
	@$(VENV)/python tools/bench/bench.py

lint: setup  ## ruff and mypy alone
	@$(VENV)/ruff check .
	@$(VENV)/ruff format --check .
	@$(VENV)/mypy

parameters: setup  ## write docs/parameters.md from the settings' declarations
	@$(VENV)/python -m geoloc_lab.parameter_page docs/parameters.md

figures: setup  ## collect what the commands above measured; write docs/figures.json, its page, every quote
	@$(VENV)/python tools/figures/figures.py

clean:  ## remove .venv and everything that was made
	rm -rf .venv build install log .pytest_cache .mypy_cache .ruff_cache .hypothesis
