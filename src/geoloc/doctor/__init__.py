# SPDX-License-Identifier: Apache-2.0
"""`geoloc doctor`: checks an installation and collects what a bug report needs, without private data.

Each section of the report is a module. It is imported only when the section runs, so that a package that
cannot be imported costs one section.
"""
